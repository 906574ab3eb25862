import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmrec.data import Histories, ImpressionCollator
from mmrec.encoders import FeatureEncoder
from mmrec.fusion import SiameseFusion
from mmrec.interest import DINInterest, GRUInterest, MeanInterest, NRMSInterest
from mmrec.models import ClickModel, ItemEncoder, click_model, din, encode_catalog
from mmrec.scoring import BilinearScorer, DCNScorer, DotScorer, MixtureOfLogitsScorer, MLPScorer

SCORERS = {
    "mlp": MLPScorer,
    "dcn": DCNScorer,
    "mol": MixtureOfLogitsScorer,
    "dot": lambda interest_dim, dim: DotScorer(dim=dim, item_bias=True, temperature=0.5),
    "bilinear": lambda interest_dim, dim: BilinearScorer(dim=dim, interest_dim=interest_dim),
}
INTERESTS = {"gru": GRUInterest, "mean": MeanInterest, "nrms": NRMSInterest, "din": DINInterest}


@pytest.fixture(scope="module")
def small(pages):
    return pages(users=5, pages=4, items=12)


def build(interest="gru", scorer="mlp", **changes):
    torch.manual_seed(0)
    made = click_model(
        {"text": FeatureEncoder(8)}, INTERESTS[interest], scorer=SCORERS[scorer], dim=6, **changes
    )
    for parameter in made.scorer.parameters():  # some start at 0, which would hide what they do
        nn.init.normal_(parameter, std=0.3)
    return made.eval()


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("interest", INTERESTS)
def test_scores_are_those_of_a_pair_at_a_time(small, interest, scorer):
    """One user, one candidate, the history alone: no padding, no pool."""
    impressions, sources = small
    model, rows = build(interest, scorer, time_gap=True), np.arange(len(impressions))
    batch = ImpressionCollator(impressions, sources)(rows)
    vectors = encode_catalog(model.items, sources, impressions.catalog_size)
    with torch.no_grad():
        logits = model(batch).logits
        for row in rows[::3]:
            events = slice(impressions.start[row], impressions.stop[row])
            items = torch.tensor(impressions.events.item[events])[None]
            gap = torch.tensor(impressions.events.gap[events]).float()[None]
            history = Histories.without_request(items, gap, torch.zeros_like(items))
            if not items.shape[1]:
                history = Histories.of_items([[]])
            shown = impressions.item[slice(*impressions.offsets[row : row + 2])]
            for n, item in enumerate(shown):
                alone = model.score(history, torch.tensor([[int(item)]]), vectors)
                torch.testing.assert_close(alone[0, 0], logits[row, n], atol=1e-5, rtol=1e-4)


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(5)), interest=st.sampled_from([*INTERESTS]))
def test_permuting_candidates_permutes_scores(order, interest):
    model, vectors = build(interest, "dcn"), torch.randn(13, 6)
    history = Histories.of_items([[3, 1], [2, 5]])
    candidates = torch.tensor([[1, 2, 3, 4, 5], [9, 8, 7, 0, 0]])
    with torch.no_grad():
        found = model.score(history, candidates, vectors)
        moved = model.score(history, candidates[:, order], vectors)
    torch.testing.assert_close(moved, found[:, order])
    assert found[1, 3:].isneginf().all()
    assert found[0].isfinite().all()


@pytest.mark.parametrize("interest", INTERESTS)
def test_garbage_in_the_padding_slot_changes_nothing(interest):
    model, vectors = build(interest), torch.randn(13, 6)
    history, candidates = (
        Histories.of_items([[3, 1], [2], []]),
        torch.tensor([[1, 2], [3, 0], [4, 5]]),
    )
    spoilt = vectors.clone()
    spoilt[0] = torch.nan
    with torch.no_grad():
        found = model.score(history, candidates, vectors)
        torch.testing.assert_close(model.score(history, candidates, spoilt), found)


@pytest.mark.parametrize("scorer", ["mlp", "dot"])
@pytest.mark.parametrize("interest", ["gru", "din"])
def test_every_weight_gets_a_finite_gradient(small, interest, scorer):
    impressions, sources = small
    model = build(interest, scorer).train()
    batch = ImpressionCollator(impressions, sources)(np.arange(len(impressions)))
    model(batch).logits[batch.shown].sin().sum().backward()
    for name, parameter in model.named_parameters():
        # An item without any modality does not occur.
        assert name.endswith("missing.text") or parameter.grad.isfinite().all(), name


def test_a_batch_without_impressions(small):
    impressions, sources = small
    batch = ImpressionCollator(impressions, sources)([])
    for interest in ("mean", "nrms", "din"):
        assert build(interest)(batch).logits.shape == (0, 1)


def test_the_auxiliary_loss_of_a_fusion(small):
    impressions, sources = small
    sources = sources | {"image": sources["text"]}
    fusion = SiameseFusion({"text": 8, "image": 8}, 6, alignment=0.5)
    items = ItemEncoder({"text": FeatureEncoder(8), "image": FeatureEncoder(8)}, fusion)
    model = ClickModel(items, GRUInterest(6), MLPScorer(6, 6)).eval()
    batch = ImpressionCollator(impressions, sources)([0, 1, 2])
    output = model(batch)
    assert torch.equal(model.auxiliary_loss(output), 0.5 * fusion.auxiliary_loss(output.items))
    assert model.auxiliary_loss(output) > 0
    fusion.auxiliary_weight = 0.0
    assert model.auxiliary_loss(output) is None


def test_wrong_candidates_are_refused():
    model, history = build(), Histories.of_items([[3], [1]])
    vectors = torch.randn(13, 6)
    with pytest.raises(ValueError, match=r"candidates of shape \(2, candidates\); got \(1, 2\)"):
        model.score(history, torch.tensor([[1, 2]]), vectors)
    with pytest.raises(ValueError, match="expected candidates from 0 to 12; got from 1 to 13"):
        model.score(history, torch.tensor([[1], [13]]), vectors)
    with pytest.raises(ValueError, match="expected histories from 0 to 12; got from 99 to 99"):
        model.score(Histories.of_items([[99]]), torch.tensor([[1]]), vectors)


@pytest.mark.usefixtures("unchecked")
def test_parts_that_do_not_fit_are_refused():
    items = din({"text": FeatureEncoder(8)}, dim=6).items
    with pytest.raises(ValueError, match="interest expects item vectors of width 5; got 6"):
        ClickModel(items, DINInterest(5), MLPScorer(5, 6))
    with pytest.raises(ValueError, match=r"scorer must take inputs of shape \(2, 6\) and"):
        ClickModel(items, DINInterest(6), MLPScorer(4, 6))
    with pytest.raises(ValueError, match="scorer must take inputs"):
        ClickModel(items, GRUInterest(6, 4), DotScorer())
    with pytest.raises(ValueError, match="an interest must have dim"):
        ClickModel(items, nn.Linear(6, 6), MLPScorer(6, 6))


def test_the_state_dict_names_its_parts():
    names = {name.split(".")[0] for name in build("din").state_dict()}
    assert names == {"items", "interest", "scorer"}
