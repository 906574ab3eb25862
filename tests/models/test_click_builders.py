import pytest
import torch
from torch import nn

from mmrec.data import Histories
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.fusion import AdditiveFusion, ConcatFusion, SumFusion
from mmrec.interest import AdditiveAttentionInterest, DINInterest, GRUInterest, NRMSInterest
from mmrec.models import click_model, din, naml_clicks, nrms_clicks
from mmrec.scoring import DCNScorer, DotScorer, MLPScorer

BUILDERS = [din, naml_clicks, nrms_clicks]


def encoders():
    return {"id": IdEncoder(2, 8), "text": FeatureEncoder(5)}


@pytest.mark.parametrize("build", BUILDERS)
def test_what_all_builders_take(build):
    fusion = SumFusion({"id": 8, "text": 5}, 16)
    model = build(
        encoders(),
        dim=16,
        dropout=0.3,
        modality_dropout=0.1,
        fusion=fusion,
        time_gap=True,
        num_event_types=2,
    ).eval()
    assert model.items.fusion is fusion
    assert model.items.modality_dropout == 0.1
    assert model.interest.inputs.dropout.p == 0.3
    assert model.interest.inputs.gap is not None
    assert model.interest.inputs.event_type.num_embeddings == 3
    scores = model.score(
        Histories.of_items([[1, 2], []]), torch.tensor([[1], [2]]), torch.randn(3, 16)
    )
    assert scores.isfinite().all()
    plain = build(encoders(), dim=16)
    assert plain.interest.inputs.gap is plain.interest.inputs.event_type is None
    assert build(encoders()).items.dim == 128


def test_what_each_alone_has():
    model = din(encoders(), dim=8, hidden=5)
    assert isinstance(model.interest, DINInterest)
    assert model.interest.weight.in_features == 5
    assert isinstance(model.scorer, MLPScorer)
    assert isinstance(model.items.fusion, ConcatFusion)
    model = nrms_clicks(encoders(), dim=8, heads=4, window=7)
    assert isinstance(model.interest, NRMSInterest)
    assert (model.interest.heads, model.interest.window) == (4, 7)
    assert isinstance(model.scorer, DotScorer)
    model = naml_clicks(encoders(), dim=8)
    assert isinstance(model.interest, AdditiveAttentionInterest)
    assert isinstance(model.items.fusion, AdditiveFusion)


def test_a_scorer_is_made_from_the_widths():
    model = click_model(
        encoders(), lambda dim, **options: GRUInterest(dim, 4, **options), scorer=DCNScorer, dim=8
    )
    assert (model.scorer.interest_dim, model.scorer.dim) == (4, 8)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("build", BUILDERS)
def test_an_encoder_without_a_width(build):
    with pytest.raises(ValueError, match=r"must have dim, .* the one for 'id', Linear, has none"):
        build({"id": nn.Linear(3, 3)}, dim=16)
