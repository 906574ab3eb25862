from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.recommender import Recommender
from mmrec.recommender.popular import is_now, popular_and_diverse, popular_items, popular_rule


def by_hand(counts, vectors, allowed, k, diversity):
    """Maximal marginal relevance, item by item."""
    relevance = np.log1p(counts) / max(np.log1p(counts).max(), 1)
    pool = [i for i in np.argsort(-relevance, kind="stable") if allowed[i]][: 5 * k]
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    chosen = []
    while len(chosen) < min(k, len(pool)):
        gains = {}
        for item in pool:
            if item not in chosen:
                alike = max((unit[item] @ unit[other] for other in chosen), default=0)
                gains[item] = relevance[item] - diversity * alike
        chosen.append(max(gains, key=gains.__getitem__))
    return chosen


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from([0.0, 0.5, 1.0]))
def test_as_by_hand(seed, k, diversity):
    rng = np.random.default_rng(seed)
    counts = rng.permutation(40)[:25].astype(np.float32)  # no two alike: no ties
    vectors = rng.normal(size=(25, 3)).astype(np.float32)
    allowed = rng.random(25) < 0.7
    got = popular_and_diverse(
        torch.from_numpy(counts),
        torch.from_numpy(vectors),
        torch.from_numpy(allowed),
        k,
        diversity=diversity,
    )
    assert got.tolist() == by_hand(counts, vectors, allowed, k, diversity)


def test_without_diversity_the_most_popular():
    counts, allowed = torch.tensor([0.0, 3.0, 9.0, 1.0, 5.0]), torch.ones(5).bool()
    allowed[0] = False
    got = popular_and_diverse(counts, torch.ones(5, 2), allowed, 3, diversity=0.0)
    assert got.tolist() == [2, 4, 1]


def test_nothing_allowed_and_nothing_counted():
    vectors = torch.randn(4, 2)
    none = popular_and_diverse(torch.ones(4), vectors, torch.zeros(4).bool(), 3)
    assert none.tolist() == []
    allowed = torch.tensor([False, True, True, True])
    assert sorted(popular_and_diverse(torch.zeros(4), vectors, allowed, 9).tolist()) == [1, 2, 3]


def test_a_list_begins_with_the_most_popular():
    torch.manual_seed(0)
    counts, vectors = torch.tensor([0, 3, 9, 1, 5, 5, 7]), torch.randn(7, 3)
    allowed = torch.tensor([False, True, True, True, True, True, False])
    items, found = popular_items(counts, vectors, allowed, 4)
    assert set(items.tolist()) == set(popular_and_diverse(counts, vectors, allowed, 4).tolist())
    assert found.tolist() == sorted(counts[items].tolist(), reverse=True)
    assert found.dtype == counts.dtype


@pytest.mark.parametrize(
    ("users", "change", "said"),
    [
        (60, {}, "all events of the training: on validation it was better"),
        (60, {"trend": False}, "all events of the training: trend is off"),
        (60, {"timestamp": None}, "all events of the training: the events have no times"),
        (12, {}, "all events of the training: validation has too few users"),
    ],
)
def test_the_report_says_by_which_rule_a_stranger_is_served(chain, options, users, change, said):
    events, items = chain(users=users)
    events["timestamp"] = [1e9 + 3600 * time for time in events["timestamp"]]
    if "timestamp" in change:
        events["position"] = events.pop("timestamp")
    given = options(
        epochs=1, **({"trend": True} | {n: v for n, v in change.items() if n == "trend"})
    )
    given = given.replace(split="time" if "timestamp" in events else "leave-one-out")
    made = Recommender.fit(events, items, options=given, negatives="full")
    assert said in made.report["without_history"]
    assert f"no history: {made.report['without_history']}" in str(made.report)
    assert "no history  what" in str(made)
    assert not is_now(made.state)
    lines = made.recommend([])
    assert {line.reason for line in lines} == {"popularity"}
    if made.state.trend is None:
        assert lines[0].score == made.state.counts.max()
        return
    soon = replace(made.state, trend=replace(made.state.trend, half_life=43_200.0))
    assert is_now(soon)
    assert popular_rule(soon) == "what is popular now: an event counts half after 12 hours"
