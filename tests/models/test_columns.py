from dataclasses import replace

import pytest
import torch

from mmrec.data import Batch, load_pool
from mmrec.losses import bce_loss, bpr_loss, softmax_loss
from mmrec.models.columns import score_columns
from mmrec.scoring import DotScorer

P, D = 9, 4
HISTORY = torch.zeros(1, 5, dtype=torch.long)
TARGET = torch.tensor([1, 3, 3, 8, 5])


def made(candidates, below=None):
    pool = load_pool(torch.arange(1, P).numpy(), {})
    mask = torch.zeros(P, dtype=torch.bool)
    mask[candidates] = True
    pool = replace(pool, candidates=mask, log_q=torch.where(mask, torch.linspace(-2, 0, P), 0.0))
    none = torch.zeros(1, 5)
    return Batch(HISTORY, TARGET[None], none, HISTORY, none, None, below, pool)


def parts(**options):
    torch.manual_seed(0)
    scorer = DotScorer(dim=D, **options)
    if scorer.bias is not None:
        torch.nn.init.normal_(scorer.bias.weight)
    states = torch.randn(len(TARGET), D, requires_grad=True)
    return scorer, states, torch.randn(P, D, requires_grad=True)


def test_all_slots_are_scored_if_the_targets_are_candidates():
    batch, (scorer, states, vectors) = made([1, 3, 5, 8]), parts()
    columns = score_columns(scorer, batch, states, TARGET, vectors)
    assert torch.equal(columns.logits, scorer(states, vectors))
    assert torch.equal(columns.target, TARGET)
    assert columns.slots.tolist() == list(range(P))
    assert columns.candidates is batch.pool.candidates


def test_otherwise_the_candidates_and_the_own_target_are():
    batch, (scorer, states, vectors) = made([2, 3, 7]), parts()
    columns = score_columns(scorer, batch, states, TARGET, vectors)
    scores = scorer(states, vectors)
    assert columns.slots.tolist() == [0, 2, 3, 7, 0]
    assert columns.target.tolist() == [4, 2, 2, 4, 4]
    assert columns.candidates.tolist() == [False, True, True, True, False]
    assert torch.allclose(columns.logits[:, :4], scores[:, [0, 2, 3, 7]])
    rows = torch.arange(len(TARGET))
    assert torch.allclose(columns.logits[rows, columns.target], scores[rows, TARGET])
    assert columns.log_q.tolist() == batch.pool.log_q[columns.slots].tolist()


@pytest.mark.parametrize("loss", [softmax_loss, bpr_loss, bce_loss])
@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0.5, "normalize": True}, {"item_bias": True}]
)
@pytest.mark.parametrize("candidates", [[2, 3, 7], [4], [2, 4, 6, 7], [8, 1]])
def test_loss_and_gradients_are_those_of_all_slots(loss, options, candidates):
    batch, (scorer, states, vectors) = made(candidates), parts(**options)
    got = score_columns(scorer, batch, states, TARGET, vectors)
    value = loss(got.logits, got.target, got.candidates, got.log_q)
    pool = batch.pool
    expected = loss(scorer(states, vectors), TARGET, pool.candidates, pool.log_q)
    assert torch.allclose(value, expected, atol=1e-6)
    given = [states, vectors, *scorer.parameters()]
    pairs = [torch.autograd.grad(v, given, allow_unused=True) for v in (value, expected)]
    for one, other in zip(*pairs, strict=True):
        assert (one is None and other is None) or torch.allclose(one, other, atol=1e-6)


def test_labeled_negatives_have_columns():
    below = torch.tensor([[[6, 0], [2, 8], [0, 0], [0, 0], [0, 0]]])
    batch, (scorer, states, vectors) = made([2, 3], below), parts()
    columns = score_columns(scorer, batch, states, TARGET, vectors)
    assert columns.slots.tolist() == [0, 2, 3, 6, 8, 0]
    assert not columns.candidates[[0, 3, 4, 5]].any()
