from inspect import unwrap

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.metrics import rank_of_target


@st.composite
def cases(draw):
    """Scores of few different values, so that many tie; negative ones too."""
    rows, items = draw(st.integers(1, 4)), draw(st.integers(1, 8))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    scores = torch.randint(-2, 3, (rows, items + 1), generator=generator).float()
    target = torch.randint(1, items + 1, (rows,), generator=generator)
    exclude = torch.rand(rows, items + 1, generator=generator) < 0.3
    return scores, target, exclude


def reference(scores, target, exclude):
    ranks = []
    for row, item, excluded in zip(scores.tolist(), target.tolist(), exclude.tolist(), strict=True):
        rank = 1
        for other in range(1, len(row)):
            if other != item and not excluded[other] and row[other] >= row[item]:
                rank += 1
        ranks.append(len(row) if excluded[item] else rank)
    return ranks


@settings(deadline=None)
@given(cases())
def test_equals_a_loop(case):
    assert rank_of_target(*case).tolist() == reference(*case)


@settings(deadline=None)
@given(cases())
def test_no_exclusion_is_an_empty_one(case):
    scores, target, exclude = case
    nothing = torch.zeros_like(exclude)
    assert rank_of_target(scores, target).equal(rank_of_target(scores, target, nothing))


@settings(deadline=None)
@given(cases(), st.integers(-50, 50), st.integers(1, 9))
def test_shift_and_scale_of_all_scores_change_no_rank(case, shift, scale):
    scores, target, exclude = case
    moved = scores * scale + shift
    assert rank_of_target(moved, target, exclude).equal(rank_of_target(scores, target, exclude))


@settings(deadline=None)
@given(cases())
def test_padding_and_excluded_scores_change_nothing(case):
    scores, target, exclude = case
    changed = scores.masked_fill(exclude, 1e9)
    changed[:, 0] = float("nan")
    assert rank_of_target(changed, target, exclude).equal(rank_of_target(scores, target, exclude))


def test_equal_scores_rank_the_target_last():
    scores = torch.full((2, 6), -torch.inf)
    assert rank_of_target(scores, torch.tensor([1, 5])).tolist() == [5, 5]


def test_no_rows():
    ranks = rank_of_target(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    assert ranks.shape == (0,)


def test_nan_is_named():
    scores = torch.zeros(3, 5)
    scores[1, 3] = scores[2, 1] = float("nan")
    with pytest.raises(ValueError, match="got 2 NaN scores, the first in row 1, item 3"):
        rank_of_target(scores, torch.tensor([1, 1, 1]))


@pytest.mark.parametrize("item", [-1, 0, 5])
def test_target_outside_the_catalogue(item):
    with pytest.raises(ValueError, match=f"items from 1 to 4; got {item}"):
        rank_of_target(torch.zeros(2, 5), torch.tensor([1, item]))


def test_shapes_that_disagree():
    with pytest.raises(ValueError, match=r"target \(B,\); got \(2, 5\) and \(1,\)"):
        unwrap(rank_of_target)(torch.zeros(2, 5), torch.tensor([1]))
    exclude = torch.zeros(1, 4, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"shape of scores, \(1, 5\); got \(1, 4\)"):
        unwrap(rank_of_target)(torch.zeros(1, 5), torch.tensor([1]), exclude)
