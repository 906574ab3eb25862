"""Live lists of retrieval scorers and rerankers are those of the recommender."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

pytest.importorskip("usearch")

from mmrec import Recommender
from mmrec.models import SequentialModel
from mmrec.models.finite import NotFiniteError
from mmrec.realtime import ExactIndex, HnswIndex, RealtimeRecommender
from mmrec.recommender.parts import SLOTS
from mmrec.scoring import BilinearScorer, MLPScorer

SIZES = {"dim": 16, "interest_dim": 16}
EVENTS = [("i3", 10.0), ("i4", 20.0), ("i5", 30.0)]


class Graph(HnswIndex):
    """Searches its graph even where scoring all items is faster."""

    share = 1e9


def with_part(recommender, slot, part):
    state = recommender.state
    old = state.model
    scorer, reranker = (part, None) if slot == "scorer" else (old.scorer, part)
    model = SequentialModel(old.items, old.interest, scorer, reranker, old.request)
    return Recommender(replace(state, model=model.eval(), trend=None))


@pytest.mark.parametrize(
    ("slot", "name", "index"),
    [
        ("scorer", "cosine", ExactIndex),
        ("scorer", "cosine", Graph),
        ("scorer", "bilinear", ExactIndex),
        ("scorer", "bilinear", Graph),
        ("reranker", "dcn", ExactIndex),
        ("reranker", "mol", ExactIndex),
    ],
)
def test_live_lists_are_those_of_the_recommender(by_id, stirred, slot, name, index):
    made = with_part(by_id, slot, stirred(SLOTS[slot].create(name, SIZES)))
    live = RealtimeRecommender(made, index=index)
    for item, time in EVENTS:
        live.observe("ann", item, "view", time)
    rows = [{"item_id": item, "event": "view", "timestamp": time} for item, time in EVENTS]
    expected = made.recommend(rows, 5, at=40.0)
    got = live.recommend("ann", k=5, at=40.0)
    assert [line.item for line in got] == [line.item for line in expected]
    # With a reranker, all scores of a batch are moved by a constant, to rank the short list first.
    apart = [[line.score - lines[0].score for line in lines] for lines in (got, expected)]
    assert apart[0] == pytest.approx(apart[1], rel=1e-3, abs=1e-3)
    if slot == "scorer":
        assert got[0].score == pytest.approx(expected[0].score, rel=1e-3, abs=1e-3)


def test_a_short_list_is_scanned_before_what_is_behind_it(by_id, stirred):
    made = with_part(by_id, "reranker", stirred(SLOTS["reranker"].create("dcn", SIZES)))
    made.model.shortlist = 6
    live = RealtimeRecommender(made)
    rows = [{"item_id": item, "event": "view", "timestamp": time} for item, time in EVENTS]
    for most in (1, 2, 4, 9):
        how = {"at": 40.0, "k": 6, "at_most": {"kind": most}}
        expected = [line.item for line in made.recommend(rows, **how)]
        found = live.recommend(history=rows, **how)
        assert [line.item for line in found] == expected
        assert len(expected) == min(6, 2 * most)
        scores = [line.score for line in found]
        assert scores == sorted(scores, reverse=True)


class Endless(MLPScorer):
    def forward(self, states, candidates):
        return super().forward(states, candidates) - torch.inf


@pytest.mark.parametrize("part", ["interest", "scorer", "reranker"])
def test_the_part_whose_numbers_are_not_finite_is_named(by_id, part):
    made = with_part(deepcopy(by_id), "scorer", BilinearScorer(**SIZES))
    if part == "reranker":
        made = with_part(by_id, "reranker", Endless(**SIZES))
    else:
        with torch.no_grad():
            for weight in getattr(made.model, part).parameters():
                weight.fill_(torch.nan)
    named = f"the {part} .* must give finite .*; got NaN or infinity for 1 of 1 "
    with pytest.raises(NotFiniteError, match=named):
        made.recommend(["i1", "i2"])
    if part == "scorer":  # an index holds no such vectors
        return
    live = RealtimeRecommender(made)
    with pytest.raises(NotFiniteError, match=named):
        live.recommend(history=["i1", "i2"])
    assert live.recommend(history=[])
