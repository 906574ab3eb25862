from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from mmrec.data import Histories, TableSource, id_source, load_pool
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.fusion import AdditiveFusion, ConcatFusion, SiameseFusion
from mmrec.interest import GRUInterest, LinearRecurrentInterest, SelfAttentionInterest
from mmrec.models import (
    esasrec,
    gru4rec,
    hstu,
    lrurec,
    naml,
    narm,
    nrms,
    sasrec,
    sequential,
    two_tower,
)
from mmrec.scoring import MLPScorer

SOURCES = {
    "id": id_source({1: 1, 2: 2}, 3),
    "text": TableSource(np.ones((4, 5), np.float32), np.array([False, True, False, True])),
}


def encoders():
    return {"id": IdEncoder(2, 8), "text": FeatureEncoder(5)}


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("fusion", [None, SiameseFusion({"id": 8, "text": 5}, 8)])
def test_gru4rec(fusion, layers):
    model = gru4rec(
        encoders(), dim=8, layers=layers, dropout=0.2, modality_dropout=0.3, fusion=fusion
    )
    assert model.items.dim == model.interest.dim == model.interest.interest_dim == 8
    assert model.items.modality_dropout == 0.3
    assert isinstance(model.items.fusion, ConcatFusion if fusion is None else SiameseFusion)
    vectors = model.items(load_pool(np.arange(1, 4), SOURCES))
    scores = model.scores(Histories.of_items([[1, 3], [2]]), vectors)
    assert scores.shape == (2, 4)
    assert scores.isfinite().all()
    assert sum("gru.weight_ih" in name for name, _ in model.named_parameters()) == layers


@pytest.mark.parametrize("build", [sasrec, lrurec])
def test_sasrec_and_lrurec(build):
    model = build(
        encoders(),
        dim=8,
        layers=3,
        dropout=0.2,
        modality_dropout=0.3,
        fusion=SiameseFusion({"id": 8, "text": 5}, 8),
    )
    classes = {sasrec: SelfAttentionInterest, lrurec: LinearRecurrentInterest}
    assert isinstance(model.interest, classes[build])
    assert isinstance(model.items.fusion, SiameseFusion)
    assert model.items.dim == model.interest.dim == model.interest.interest_dim == 8
    assert model.items.modality_dropout == 0.3
    drops = {part.p for part in model.interest.modules() if isinstance(part, torch.nn.Dropout)}
    assert drops == {0.2}
    assert (len(model.interest.blocks), len(build(encoders(), dim=8).interest.blocks)) == (3, 2)
    vectors = model.items(load_pool(np.arange(1, 4), SOURCES))
    scores = model.scores(Histories.of_items([[1, 3], [2]]), vectors)
    assert scores.shape == (2, 4)
    assert scores.isfinite().all()


def test_what_sasrec_alone_has():
    model = sasrec(encoders(), dim=8, heads=4, window=7)
    assert model.interest.window == 7
    assert model.interest.blocks[0].heads == 4
    with pytest.raises(ValueError, match="heads must divide dim; got 2 heads and dim 9"):
        sasrec(encoders(), dim=9)


@pytest.mark.parametrize("build", [gru4rec, hstu, sasrec, lrurec, esasrec, two_tower])
def test_context_and_reranker(build):
    reranker = MLPScorer(8, 8)
    model = build(encoders(), dim=8, time_gap=True, num_event_types=3, reranker=reranker)
    assert model.reranker is reranker
    assert model.interest.inputs.gap is not None
    assert model.interest.inputs.event_type.num_embeddings == 4
    plain = build(encoders(), dim=8)
    assert plain.reranker is plain.interest.inputs.gap is plain.interest.inputs.event_type is None


def test_what_narm_and_two_tower_alone_have():
    made = narm(encoders(), dim=8, attended=3, layers=2, time_gap=True).interest
    assert (made.attended, made.encoder.layers, made.encoder.dropout.p) == (3, 2, 0.4)
    assert made.encoder.inputs.gap is not None
    made = two_tower(encoders(), dim=8, layers=2, decay=0.5).interest
    assert (made.decay, made.inputs.dropout.p) == (0.5, 0.4)
    assert esasrec(encoders(), dim=8, heads=4, window=7).interest.blocks[0].heads == 4


def test_what_nrms_and_naml_alone_have():
    made = nrms(encoders(), dim=16, heads=4, window=7, time_gap=True).interest
    assert (made.heads, made.window, made.inputs.dropout.p) == (4, 7, 0.4)
    assert nrms(encoders(), dim=32).interest.heads == 16
    made = naml(encoders(), dim=8, dropout=0.2)
    assert isinstance(made.items.fusion, AdditiveFusion)
    assert (made.items.dim, made.interest.inputs.dropout.p) == (8, 0.2)
    fusion = ConcatFusion({"id": 8, "text": 5}, 8)
    assert naml(encoders(), dim=8, fusion=fusion).items.fusion is fusion


def test_an_interest_model_without_a_builder_has_the_same_defaults():
    made = sequential(encoders(), partial(GRUInterest, layers=2), dim=8)
    same = gru4rec(encoders(), layers=2, dim=8)
    assert made.interest.init_args == same.interest.init_args
    assert made.interest.init_args["dropout"] == 0.4
    assert made.items.modality_dropout == same.items.modality_dropout == 0
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'heads'"):
        gru4rec(encoders(), heads=2)


def test_a_fusion_of_another_width():
    with pytest.raises(ValueError, match="interest expects item vectors of width 8; got 6"):
        gru4rec(encoders(), dim=8, fusion=ConcatFusion({"id": 8, "text": 5}, 6))


def test_the_state_dict_names_its_parts():
    names = {name.split(".")[0] for name in gru4rec(encoders(), dim=8).state_dict()}
    assert names == {"items", "interest"}
    assert torch.is_tensor(gru4rec(encoders(), dim=8).state_dict()["items.encoders.text.mean"])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("build", [gru4rec, hstu, sasrec, lrurec, esasrec, narm, nrms, two_tower])
def test_an_encoder_without_a_width(build):
    with pytest.raises(ValueError, match=r"must have dim, .* the one for 'id', Linear, has none"):
        build({"id": nn.Linear(3, 3)})
