import numpy as np
import pytest
import torch

from mmrec.trends import ItemEvents, Requests, Trend, TrendHistory
from mmrec.trends.design import AGE, NOW, SCORE, STATIC, Row, design, rows_of

V = 40


def row(rng, target=3, excluded=()):
    scores = rng.normal(size=V + 1)
    scores[[0, *excluded]] = -np.inf
    return Row(0, target, scores, rng.random(V + 1), rng.random(V + 1) * 1e6)


def test_a_small_catalogue_is_taken_whole():
    rng = np.random.default_rng(0)
    own, static = row(rng, excluded=[5, 6]), rng.random(V + 1)
    features, offset = design(iter([own]), 1, static, rng)
    items = [3, *(item for item in range(1, V + 1) if item not in (3, 5, 6))]
    assert offset[0, : V - 2].tolist() == [0.0] * (V - 2)
    assert offset[0, V - 2 :].isneginf().all()
    for column, values in ((SCORE, own.scores), (NOW, own.now), (STATIC, static)):
        np.testing.assert_allclose(features[0, : len(items), column], values[items], rtol=1e-6)
    torch.testing.assert_close(features[0, : len(items), AGE:].sum(1), torch.ones(len(items)))


def test_drawn_candidates_stand_for_the_others(monkeypatch):
    monkeypatch.setattr("mmrec.trends.design.FEWEST", 12)
    monkeypatch.setattr("mmrec.trends.design.MOST_ELEMENTS", 1)
    rng = np.random.default_rng(0)
    own = row(rng, excluded=[5])
    whole = np.exp(own.scores).sum()
    sums = []
    for _ in range(2000):
        features, offset = design(iter([own]), 1, np.zeros(V + 1), rng)
        assert offset.shape == (1, 13)
        assert features[0, 0, SCORE] == pytest.approx(own.scores[3])
        sums.append(float((features[..., SCORE] + offset).exp().sum()))
    assert np.mean(sums) == pytest.approx(whole, rel=0.01)


def test_a_target_that_is_not_recommended_has_no_say():
    rng = np.random.default_rng(0)
    features, offset = design(iter([row(rng, excluded=[3])]), 1, np.zeros(V + 1), rng)
    assert not features.any()
    assert offset[0, 0] == 0
    assert offset[0, 1:].isneginf().all()


def test_rows_are_scored_in_blocks_and_know_only_earlier_events():
    rng = np.random.default_rng(0)
    events = ItemEvents(rng.integers(1, V + 1, 300), np.arange(300.0))
    trend = Trend.of(events, events.counts(V), half_life=9.0, pseudo_count=1.0)
    chosen, seen = np.arange(100, 230), np.array([[150], [7]])
    requests = Requests(events.item, events.time, events.item, seen)
    table = torch.randn(300, V + 1)
    asked = []

    def scores(rows):
        asked.append(len(rows))
        return table[torch.from_numpy(rows)]

    rows = list(rows_of(scores, requests, chosen, TrendHistory(trend, events)))
    assert asked == [64, 64, 2]
    assert [own.number for own in rows] == chosen.tolist()
    assert np.isneginf(rows[50].scores).nonzero()[0].tolist() == [0, 7]
    np.testing.assert_array_equal(rows[50].scores[8:], table[150, 8:])
    past = TrendHistory(trend, events.before(150.0))
    np.testing.assert_allclose(rows[50].now, past.features(150.0)[0])
