import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrec.losses import bce_loss, bpr_loss, softmax_loss
from mmrec.losses.negatives import candidate_slots, check_shapes, split_target


def test_padding_is_never_a_candidate():
    logits, given_slots = torch.zeros(2, 4), torch.tensor([True, False, True, True])
    assert candidate_slots(logits, None).tolist() == [False, True, True, True]
    assert candidate_slots(logits, given_slots).tolist() == [False, False, True, True]
    assert given_slots[0]  # what was passed in stays as it is


@given(data=st.data(), rows=st.integers(0, 5), pool=st.integers(2, 7))
def test_negatives_are_all_candidates_but_the_target(data, rows, pool):
    targets = data.draw(st.lists(st.integers(1, pool - 1), min_size=rows, max_size=rows))
    allowed = data.draw(st.none() | st.lists(st.booleans(), min_size=pool, max_size=pool))
    logits = torch.randn(rows, pool)
    score, negatives = split_target(
        logits,
        torch.tensor(targets, dtype=torch.long),
        None if allowed is None else torch.tensor(allowed),
    )
    assert score.shape == (rows, 1)
    for row, target in enumerate(targets):
        assert score[row, 0] == logits[row, target]
        for slot in range(pool):
            expected = slot not in (0, target) and (allowed is None or allowed[slot])
            assert negatives[row, slot].item() == expected


def test_shapes():
    logits, target, slots = torch.zeros(2, 4), torch.ones(2).long(), torch.ones(4)
    check_shapes(logits, target, slots.bool(), slots)
    check_shapes(logits, target, None)
    for wrong_logits, wrong_target in ((logits[0], target), (logits, target[:1])):
        with pytest.raises(ValueError, match=r"expects logits \(N, P\) and target \(N,\); got"):
            check_shapes(wrong_logits, wrong_target, None)
    with pytest.raises(
        ValueError, match=r"candidates expects one value per slot, \(4,\); got \(3,"
    ):
        check_shapes(logits, target, slots[:3].bool())
    with pytest.raises(ValueError, match=r"log_q expects one value per slot, \(4,\); got \(1, 4\)"):
        check_shapes(logits, target, None, slots.unsqueeze(0))
    with pytest.raises(ValueError, match=r"target expects integers; got torch.float32"):
        check_shapes(logits, target.float(), None)
    with pytest.raises(ValueError, match=r"target expects integers; got torch.bool"):
        check_shapes(logits, target.bool(), None)
    with pytest.raises(ValueError, match=r"candidates expects booleans; got torch.float32"):
        check_shapes(logits, target, slots)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("loss", [softmax_loss, bpr_loss, bce_loss])
def test_every_loss_refuses_a_target_that_is_no_slot(loss):
    with pytest.raises(ValueError, match=r"target expects integers; got torch.float32"):
        loss(torch.zeros(2, 4), torch.ones(2))
