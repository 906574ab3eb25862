"""Lists with a bonus are the same over every index."""

from collections import Counter
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

pytest.importorskip("usearch")

from mmrec import Options, Recommender
from mmrec.affinities import CoOccurrence, EaseWeights, Successors, Unseen
from mmrec.data import Catalog, Interactions, to_sequences
from mmrec.realtime import ExactIndex, HnswIndex, RealtimeRecommender, search
from mmrec.recommender.content import VectorsModality

SIZE, TASTES = 700, 20
NOW = 2e6


class Graph(HnswIndex):
    """Searches its graph even where scoring all items is faster."""

    share = 1e9


class Bare:
    """An index that can't add a bonus."""

    def __init__(self, dim):
        self._exact = ExactIndex(dim)
        self.add, self.update, self.remove = (
            self._exact.add,
            self._exact.update,
            self._exact.remove,
        )

    def search(self, *args, **more):
        return self._exact.search(*args, **more)

    def __len__(self):
        return len(self._exact)

    def __contains__(self, key):
        return key in self._exact


INDEXES = {"exact": ExactIndex, "graph": lambda dim: Graph(dim, effort=800), "bare": Bare}


@pytest.fixture(scope="module")
def made(add_affinities):
    """A recommender of 700 items, a third of them without events, with affinities of all kinds."""
    rng = np.random.default_rng(0)
    taste = np.repeat(rng.integers(TASTES, size=150), 8)
    item = (rng.integers(SIZE // TASTES, size=len(taste)) * TASTES + taste) * 2 // 3
    events = {
        "user_id": np.repeat([f"u{n}" for n in range(150)], 8),
        "item_id": item,
        "timestamp": np.arange(len(item), dtype=float),
    }
    vectors = rng.normal(size=(SIZE, 6))
    options = Options(
        modalities=("id", "look"),
        split="leave-one-out",
        dim=8,
        epochs=1,
        refit="none",
        trend=False,
        affinities=False,
    )
    plain = Recommender.fit(
        events,
        {"item_id": np.arange(SIZE), "look": vectors.tolist()},
        options=options,
        encoders={"look": VectorsModality("look")},
    )
    log = to_sequences(Interactions(events), plain.catalog)
    kinds = {CoOccurrence: 0.8, Successors: 0.5, EaseWeights: 0.7, Unseen: 0.3}
    tables = [kind.of(log, SIZE).weighted(weight) for kind, weight in kinds.items()]
    return add_affinities(plain, {"look": 4}, (0.6,), tables)


@pytest.fixture(scope="module")
def lists(made):
    """Returns lists over an index, after events that are counted; items were added and removed."""
    replayed = {}

    def after(index, **how):
        if index not in replayed:
            replayed[index] = live = RealtimeRecommender(made, index=INDEXES[index])
            rng = np.random.default_rng(1)
            live.add_items({"item_id": [SIZE], "look": [[1.0] * 6]})
            live.remove_items([5])
            for number in range(300):
                live.observe(f"w{number % 25}", int(rng.integers(SIZE + 1)), "view", NOW + number)
                live.recommend("w1", at=NOW + number)
        return [replayed[index].recommend(f"w{user}", at=NOW + 999, **how) for user in range(25)]

    return after


@pytest.mark.parametrize("k", [1, 10, 60])
@pytest.mark.parametrize("scored", [0, search.SCORED])
@pytest.mark.parametrize("index", ["graph", "bare"])
def test_lists_with_affinities_are_those_of_the_exact_index(lists, monkeypatch, index, scored, k):
    expected = lists("exact", k=k)
    monkeypatch.setattr(search, "SCORED", scored)
    for found, wanted in zip(lists(index, k=k), expected, strict=True):
        assert [line.item for line in found] == [line.item for line in wanted]
        scores = [line.score for line in wanted]
        assert [line.score for line in found] == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize("scored", [0, search.SCORED])
def test_a_condition_holds_with_affinities(lists, monkeypatch, scored):
    monkeypatch.setattr(search, "SCORED", scored)
    where = {"item_id": {">": SIZE - 20}}
    expected, found = (lists(index, k=30, where=where) for index in ("exact", "graph"))
    assert [[line.item for line in one] for one in found] == [
        [line.item for line in one] for one in expected
    ]
    assert all(line.item > SIZE - 20 for one in found for line in one)


def test_the_exact_index_scores_as_the_recommender_does(made):
    live = RealtimeRecommender(made)
    for user, history in enumerate([[3], [5, 9, 70], [*range(30)]]):
        found = live.recommend(history=history, k=20, at=NOW)
        wanted = made.recommend(history, k=20, at=NOW)
        assert [line.item for line in found] == [line.item for line in wanted], user
        scores = [line.score for line in wanted]
        assert [line.score for line in found] == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("most", [{"item_id": 1}, {"shelf": 1}, {"shelf": 2, "side": 9}])
def test_quotas_pass_over_items_of_the_ranking(made, monkeypatch, index, most):
    frame = made.catalog.frame.with_columns(
        shelf=pl.Series([n // 9 % 40 for n in range(SIZE)]),
        side=pl.Series([[n % 2, n % 5 + 2] for n in range(SIZE)]),
    )
    state = replace(made.state, catalog=Catalog(frame))
    live = RealtimeRecommender(Recommender(state), index=INDEXES[index])
    values = {row["item_id"]: row for row in frame.iter_rows(named=True)}
    for history in ([3], [*range(30)]):
        counts, expected = Counter(), []
        for line in live.recommend(history=history, k=SIZE, at=NOW):
            row = values[line.item]
            held = [(n, v) for n in most for v in (row[n] if n == "side" else [row[n]])]
            if all(counts[pair] < most[pair[0]] for pair in held):
                counts.update(held)
                expected.append(line.item)
        found = live.recommend(history=history, k=20, at=NOW, at_most=most)
        assert [line.item for line in found] == expected[:20]
        scores = [line.score for line in found]
        assert scores == sorted(scores, reverse=True)
