import pytest
import torch

from mmrec.data import Histories
from mmrec.realtime.explain import explain_history, explain_modalities


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
