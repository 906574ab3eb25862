import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mmrec.trends import (
    ItemEvents,
    Requests,
    TrendHistory,
    TrendWeights,
    as_before,
    fit_trend,
)

HOUR, V = 3600.0, 60
NOTHING_SEEN = np.zeros((2, 0), dtype=np.int64)


def fashions(seed=0, number=3000, hours=6, share=0.6):
    """Events of 25 days, in which each item is popular for some hours."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.random(number)) * 600 * HOUR
    now = 1 + (7 * (time // (hours * HOUR)).astype(int)) % V
    item = np.where(rng.random(number) < share, now, rng.integers(1, V + 1, number))
    return ItemEvents(item, time)


def late(events, users=50, seen=NOTHING_SEEN):
    rows = np.arange(2500, 2800)
    user = np.random.default_rng(1).integers(0, users, len(rows))
    return Requests(events.item[rows], events.time[rows], user, seen)


def fitted(events, requests, scores=None, created=None, seed=0):
    train = events.before(480 * HOUR)
    scores = torch.zeros(len(requests), V + 1) if scores is None else scores
    created = np.full(V + 1, np.nan) if created is None else created
    return fit_trend(scores, requests, events, train, created, seed=seed)


def test_a_planted_fashion_is_learned_and_ranks_later_events():
    events = fashions()
    trend, facts = fitted(events, late(events))
    assert trend.active
    assert trend.half_life <= 24 * HOUR
    assert facts["chosen"] in ("popularity", "popularity and age")
    assert facts["terms"]["popularity"]["gain"] > 0.4
    later = np.arange(2800, 3000)
    bonus = TrendHistory(trend, events).bonus(torch.from_numpy(events.time[later]))
    own = bonus.gather(1, torch.from_numpy(events.item[later])[:, None])
    ranks = (bonus[:, 1:] >= own).sum(1)
    assert (ranks <= 3).float().mean() > 0.5


def test_a_log_without_fashions_gets_no_gain():
    gains, refused = [], 0
    for seed in range(3):
        events = fashions(seed, share=0.0)
        # Not zeros: any order is better than ties, which count against the model.
        noise = torch.randn(300, V + 1, generator=torch.Generator().manual_seed(seed))
        trend, facts = fitted(events, late(events), noise, seed=seed)
        assert trend.active == (facts["chosen"] is not None)
        gains += [terms["gain"] for terms in facts["terms"].values()]
        refused += not trend.active
    assert refused
    assert abs(np.mean(gains)) < 0.02


def test_new_items_are_learned_from_their_age():
    rng = np.random.default_rng(0)
    number = 3000
    time = np.sort(rng.random(number)) * 600 * HOUR
    created = np.append(np.nan, np.linspace(0, 590 * HOUR, V))
    newest = np.searchsorted(created[1:], time)
    item = np.where(rng.random(number) < 0.6, newest, 1 + (rng.random(number) * newest).astype(int))
    events = ItemEvents(np.clip(item, 1, V), time)
    trend, facts = fitted(events, late(events), created=created)
    assert facts["terms"]["age"]["gain"] > 0.1
    age = trend.weights.age
    if facts["chosen"] == "age":
        assert age[3] > age[7] > age[-1]


def test_what_the_scores_hold_already_is_not_added_twice():
    events = fashions()
    requests = late(events)
    trend, first = fitted(events, requests)
    knows = TrendHistory(trend, events).bonus(torch.from_numpy(requests.at))
    _, facts = fitted(events, requests, knows)
    assert first["terms"]["popularity and age"]["gain"] > 0.4
    assert all(terms["gain"] < 0.04 for terms in facts["terms"].values())


def test_facts_are_json_and_a_function_gives_the_same_as_a_table():
    events = fashions()
    requests = late(events)
    table = torch.randn(len(requests), V + 1, generator=torch.Generator().manual_seed(0))
    trend, facts = fitted(events, requests, table)
    again, same = fitted(events, requests, lambda rows: table[torch.from_numpy(rows)])
    assert facts == same
    assert trend.weights == again.weights
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["requests"] == 300
    assert facts["users"] == 50
    best = max(facts["log_likelihood"], key=facts["log_likelihood"].__getitem__)
    assert str(facts["half_life"] or math.inf) == best


def test_sampled_candidates_give_nearly_the_weights_of_all(monkeypatch):
    events = fashions()
    requests = late(events)
    whole = fitted(events, requests)[0].weights
    monkeypatch.setattr("mmrec.trends.design.FEWEST", 30)
    monkeypatch.setattr("mmrec.trends.design.MOST_ELEMENTS", 30 * len(requests))
    sampled = fitted(events, requests)[0].weights
    assert sampled != whole
    assert sampled.now + sampled.static == pytest.approx(whole.now + whole.static, rel=0.3)


def test_seen_items_are_neither_ranked_nor_learned_from():
    events = fashions()
    rows = np.arange(300)
    seen = np.stack([rows, late(events).target])  # every target was seen: all are misses
    trend, facts = fitted(events, late(events, seen=seen))
    assert facts["ndcg@10"] == 0
    assert not trend.active


def test_one_user_proves_nothing():
    events = fashions()
    trend, facts = fitted(events, late(events, users=1))
    assert facts["chosen"] is None
    assert facts["terms"]["age"]["standard_error"] is None
    assert not trend.active
    json.dumps(facts, allow_nan=False)


def test_many_requests_are_drawn_from(monkeypatch):
    monkeypatch.setattr("mmrec.trends.fit.MOST_ROWS", 200)
    events = fashions()
    asked = []

    def scores(rows):
        asked.extend(rows.tolist())
        return torch.zeros(len(rows), V + 1)

    _, facts = fitted(events, late(events), scores)
    assert facts["requests"] == len(set(asked)) == 200


def test_errors(unchecked):
    events = fashions()
    requests = late(events)
    with pytest.raises(ValueError, match=r"scores must be numbers of shape \(64, 61\); got"):
        fitted(events, requests, torch.zeros(300, 10))
    with pytest.raises(ValueError, match="with 3840 NaN"):
        fitted(events, requests, torch.full((300, V + 1), torch.nan))


def test_the_usual_trend_stays_unless_another_is_better():
    events, still = fashions(), fashions(share=0.0)
    noise = torch.randn(300, V + 1, generator=torch.Generator().manual_seed(0))
    usual, _ = fitted(events, late(events))
    created, train = np.full(V + 1, np.nan), still.before(480 * HOUR)
    kept, facts = fit_trend(noise, late(still), still, train, created, usual=usual)
    again = as_before(usual, still, train, created)
    assert (kept.half_life, kept.weights) == (usual.half_life, usual.weights)
    assert torch.equal(kept.bonus(torch.tensor([9e6])), again.bonus(torch.tensor([9e6])))
    assert facts["chosen"] == "as before"
    json.dumps(facts)
    bad = replace(usual, weights=TrendWeights(now=-5.0))
    train = events.before(480 * HOUR)
    better, facts = fit_trend(
        torch.zeros(300, V + 1), late(events), events, train, created, usual=bad
    )
    assert better.weights.now > 0
    assert facts["chosen"] != "as before"
