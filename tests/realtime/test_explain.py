from dataclasses import replace

import pytest
import torch

from mmrec import Recommender
from mmrec.affinities import CoOccurrence, Successors
from mmrec.data import Histories, Interactions, to_sequences
from mmrec.realtime import RealtimeRecommender
from mmrec.realtime.explain import explain_history, explain_modalities
from mmrec.trends import TrendWeights


@pytest.fixture(scope="module", params=["gru4rec", "sasrec"])
def made(request, fit):
    return fit(interest=request.param, log={"users": 20, "items": 12}, epochs=1)


@torch.inference_mode()
def scored(made, items, gap, event_type, item):
    """The score of an item after a history, by the whole catalogue's scores."""
    parts = (torch.tensor([items]), torch.tensor([gap]), torch.tensor([event_type]))
    return float(made.catalog_scorer.scores(Histories.without_request(*parts))[0, item])


def test_what_an_event_carries_is_lost_without_it(made):
    items, gap, event_type = [3, 5, 3, 7], [0.0, 60.0, 5.0, 1e4], [1, 0, 1, 1]
    histories = Histories.without_request(
        torch.tensor([items]), torch.tensor([gap]), torch.tensor([event_type])
    )
    score, lost = explain_history(made.model, histories, made.vectors, 9)
    assert score == pytest.approx(scored(made, items, gap, event_type, 9), abs=1e-5)
    for left in range(len(items)):
        rest = [[*part[:left], *part[left + 1 :]] for part in (items, gap, event_type)]
        expected = score - scored(made, *rest, 9)
        assert float(lost[left]) == pytest.approx(expected, abs=1e-5)
    assert lost.abs().max() > 1e-3


def test_an_empty_history_loses_nothing(made):
    """A user may be forgotten while an explanation is made."""
    empty = Histories.of_items([[]])
    _, lost = explain_history(made.model, empty, made.vectors, 2)
    assert lost.shape == (0,)


def test_without_its_only_event_the_score_is_that_of_an_empty_history(made):
    histories = Histories.of_items([[4]])
    score, lost = explain_history(made.model, histories, made.vectors, 2)
    nobody = made.model.interests(Histories.of_items([[]]), made.vectors)
    expected = made.model.scorer(nobody, made.vectors[2:3]).item()
    assert score - float(lost[0]) == pytest.approx(expected, abs=1e-5)


@torch.inference_mode()
def test_what_a_modality_carries_is_lost_without_its_share(by_content):
    model, vector = by_content.model, by_content.vectors[4]
    state = model.interests(Histories.of_items([[1, 2, 3]]), by_content.vectors)
    contributions = {
        name: share[4] for name, share in by_content.state.modality_contributions.items()
    }
    found = explain_modalities(model, state, vector, contributions)
    assert set(found) == {"text", "image"}
    for name, share in contributions.items():
        both = model.scorer(state, torch.stack([vector, vector - share]))[0]
        assert found[name] == pytest.approx(float(both[0] - both[1]), abs=1e-5)
    assert explain_modalities(model, state, vector, {}) == {}


@pytest.fixture(scope="module")
def with_all(fit, add_affinities):
    """Recommenders whose score has no term, and every term, beside what is learned."""
    plain = fit(modalities=("id", "text"), log={"users": 20, "items": 12}, epochs=1)
    events = to_sequences(
        Interactions({"user_id": [*"uuvv"], "item_id": ["i0", "i1"] * 2, "position": range(4)}),
        plain.catalog,
    )
    tables = [
        CoOccurrence.of(events, 12).weighted(2.0),
        Successors.of(events, 12).weighted(3.0),
    ]
    trended = Recommender(
        replace(plain.state, trend=replace(plain.state.trend, weights=TrendWeights(now=0.5)))
    )
    own = (0.5, 1.5, 0.8)
    return plain, add_affinities(trended, {"text": 4, "id": 2}, (1.5, 0.5), tables, own=own)


@pytest.mark.parametrize("place", [0, 1])
def test_the_terms_sum_to_the_score_of_the_list(with_all, place):
    live, time = RealtimeRecommender(with_all[place]), 10_000.0
    for number, item in enumerate(["i4", "i7", "i0"]):
        live.observe("ann", item, "view", time + number)
    lines = live.recommend("ann", k=12, at=time + 500, exclude_seen=False)
    assert len(lines) == 12
    for line in lines:
        why = live.explain("ann", line.item, at=time + 500)
        assert why.score == pytest.approx(line.score, abs=1e-4)
        assert sum(why.terms.values()) == pytest.approx(why.score)
    named = {"learned", "content:text", "content:id", "novelty", "trend"}
    named |= {"co-occurrence", "successors"}
    assert set(why.terms) == (named if place else {"learned"})
    assert {item for item, _ in why.history} == {"i4", "i7", "i0"}
    assert set(why.modalities) == {"id", "text"}
    if place:
        assert live.explain("ann", "i1", at=time).terms["successors"] > 0
        assert live.explain("nobody", "i1").terms == {}


def test_a_reranker_is_a_term(fit):
    made = fit(log={"users": 12, "items": 12}, epochs=1, reranker="mlp")
    assert made.model.reranker is not None  # too few users to leave it out
    live = RealtimeRecommender(made)
    live.observe("ann", "i4", "view", 1e4)
    for line in live.recommend("ann", k=5, at=1e4):
        why = live.explain("ann", line.item, at=1e4)
        assert why.score == pytest.approx(line.score, abs=1e-4)
        assert {"learned", "reranker"} <= set(why.terms)
