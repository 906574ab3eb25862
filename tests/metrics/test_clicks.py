import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import calibration, metrics

from mmrec.metrics import (
    auc,
    auc_by_group,
    calibration_curve,
    log_loss,
    mrr,
    ndcg,
    ranks_of_clicks,
)

ROWS = st.lists(
    st.tuples(st.integers(-3, 3), st.booleans(), st.integers(0, 4)), min_size=1, max_size=30
)


def columns(rows):
    scores, clicked, group = zip(*rows, strict=True)
    return torch.tensor(scores).double() / 2, torch.tensor(clicked), torch.tensor(group)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_auc_is_that_of_scikit_learn(rows):
    scores, clicked, group = columns(rows)
    if 0 < clicked.sum() < len(clicked):
        assert float(auc(scores, clicked)) == pytest.approx(metrics.roc_auc_score(clicked, scores))
    else:
        assert auc(scores, clicked).isnan()
    found = auc_by_group(scores, clicked, group)
    numbers = sorted({*group.tolist()})
    assert len(found) == len(numbers)
    for value, number in zip(found, numbers, strict=True):
        here = group == number
        if 0 < clicked[here].sum() < here.sum():
            expected = metrics.roc_auc_score(clicked[here], scores[here])
            assert float(value) == pytest.approx(expected)
        else:
            assert value.isnan()


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_auc_depends_on_the_order_of_scores_alone(rows):
    scores, clicked, _ = columns(rows)
    found, moved = auc(scores, clicked), auc(3 * scores.exp() + 7, clicked)
    torch.testing.assert_close(moved, found, equal_nan=True)
    torch.testing.assert_close(auc(-scores, clicked), 1 - found, equal_nan=True)


def test_auc_of_nothing_and_of_infinite_scores():
    nothing = torch.zeros(0), torch.zeros(0, dtype=torch.bool)
    assert auc(*nothing).isnan()
    assert len(auc_by_group(*nothing, torch.zeros(0, dtype=torch.long))) == 0
    lowest = torch.tensor([-torch.inf, -torch.inf, 1.0])
    assert auc(lowest, torch.tensor([True, False, False])) == 0.25
    with pytest.raises(ValueError, match="expected scores; got NaN"):
        auc(torch.tensor([torch.nan]), torch.tensor([True]))


def test_many_scores_that_differ_little_in_float32():
    """Scores near 0.5 that float32 tells apart stay apart."""
    rng = np.random.default_rng(0)
    scores = torch.tensor(rng.random(200_000).astype(np.float32) * 1e-4 + 0.5)
    clicked = torch.tensor(rng.random(200_000) < scores.numpy() - 0.2)
    assert float(auc(scores, clicked)) == pytest.approx(metrics.roc_auc_score(clicked, scores))


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_log_loss_is_that_of_scikit_learn(rows):
    logits, clicked, _ = columns(rows)
    expected = metrics.log_loss(clicked, logits.sigmoid(), labels=[False, True])
    assert float(log_loss(logits, clicked)) == pytest.approx(expected)
    assert log_loss(torch.tensor([200.0]), torch.tensor([False])) == 200  # the sigmoid is 1


@pytest.mark.parametrize("bins", [1, 2, 7, 10])
def test_the_curve_of_equal_widths_is_that_of_scikit_learn(bins):
    rng = np.random.default_rng(bins)
    probability = rng.beta(1, 3, 400)
    probability[:3] = 0.0, 0.5, 1.0  # edges
    clicked = rng.random(400) < probability
    curve = calibration_curve(
        torch.tensor(probability), torch.tensor(clicked), bins=bins, equal_counts=False
    )
    share, predicted = calibration.calibration_curve(clicked, probability, n_bins=bins)
    there = curve.shown > 0
    np.testing.assert_allclose(curve.clicked[there], share)
    np.testing.assert_allclose(curve.predicted[there], predicted)
    assert int(curve.shown.sum()) == 400
    assert curve.predicted[~there].isnan().all()


def test_bins_of_equal_counts():
    rng = np.random.default_rng(0)
    probability = torch.tensor(rng.beta(1, 20, 1000))
    clicked = torch.tensor(rng.random(1000)) < probability
    curve = calibration_curve(probability, clicked, bins=8)
    assert curve.shown.tolist() == [125] * 8
    order = probability.argsort()
    parts = [order[np.arange(1000) * 8 // 1000 == k] for k in range(8)]
    expected = torch.stack([probability[part].mean() for part in parts])
    torch.testing.assert_close(curve.predicted, expected)
    total = (curve.shown * curve.clicked).sum()
    torch.testing.assert_close(total, clicked.double().sum())
    tied = calibration_curve(torch.full((9,), 0.25), torch.arange(9) < 3, bins=4)
    assert tied.shown.sum() == tied.shown.max() == 9


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_what_is_no_probability_is_refused(value):
    with pytest.raises(ValueError, match="expected probabilities from 0 to 1; got some from"):
        calibration_curve(torch.tensor([0.5, value]), torch.tensor([True, False]))
    with pytest.raises(ValueError, match="bins must be 1 or more; got 0"):
        calibration_curve(torch.tensor([0.5]), torch.tensor([True]), bins=0)


def ranks_by_hand(scores, clicked, shown):
    rows = []
    for values, hits, here in zip(scores, clicked, shown, strict=True):
        order = sorted(
            (n for n in range(len(values)) if here[n]), key=lambda n: (-values[n], hits[n], n)
        )
        rows.append([place for place, n in enumerate(order, 1) if hits[n]])
    return rows


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 6))
def test_ranks_of_clicks_by_hand(seed, rows, items):
    rng = np.random.default_rng(seed)
    scores = torch.tensor(rng.integers(-2, 3, (rows, items))).double()
    scores[scores == -2] = -torch.inf
    shown = torch.tensor(np.arange(items) < rng.integers(0, items + 1, rows)[:, None])
    clicked = shown & torch.tensor(rng.random((rows, items)) < 0.5)
    ranks = ranks_of_clicks(scores.masked_fill(~shown, torch.nan), clicked, shown)
    found = [sorted(row[row > 0].tolist()) for row in ranks]
    assert found == ranks_by_hand(scores.tolist(), clicked.tolist(), shown.tolist())


def test_ndcg_of_ranks_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    scores, clicked = rng.normal(size=(20, 9)), rng.random((20, 9)) < 0.4
    clicked[:, 0] = True
    everything = torch.ones(20, 9, dtype=torch.bool)
    ranks = ranks_of_clicks(torch.tensor(scores), torch.tensor(clicked), everything)
    for k in (5, 10):
        expected = [metrics.ndcg_score([y], [s], k=k) for y, s in zip(clicked, scores, strict=True)]
        np.testing.assert_allclose(ndcg(ranks, k), expected, rtol=1e-5)
    ordered = np.take_along_axis(clicked, np.argsort(-scores, axis=1), axis=1)
    best = [1 / (1 + np.flatnonzero(row)[0]) for row in ordered]
    np.testing.assert_allclose(mrr(ranks), best, rtol=1e-6)


@pytest.mark.usefixtures("unchecked")
def test_wrong_input_is_refused():
    mask = torch.ones(2, 3, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"expected scores of shape \(impressions, items\)"):
        ranks_of_clicks(torch.zeros(3), mask, mask)
    with pytest.raises(ValueError, match=r"expected clicked of shape \(2, 3\); got \(1, 3\)"):
        ranks_of_clicks(torch.zeros(2, 3), mask[:1], mask)
    with pytest.raises(ValueError, match="expected scores; got NaN"):
        ranks_of_clicks(torch.full((2, 3), torch.nan), mask, mask)
    with pytest.raises(ValueError, match=r"expected clicked of type torch.bool; got torch.int64"):
        auc(torch.zeros(2), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"expected group of shape \(2,\); got \(1,\)"):
        auc_by_group(torch.zeros(2), mask[0, :2], torch.zeros(1, dtype=torch.long))
