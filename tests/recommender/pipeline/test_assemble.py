from functools import partial

import numpy as np
import pytest
import torch

from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.fusion import (
    AttentionFusion,
    BilinearFusion,
    ConcatFusion,
    ExpertsFusion,
    FiLMFusion,
    GatedFusion,
    SiameseFusion,
    SumFusion,
)
from mmrec.interest import (
    AdditiveAttentionInterest,
    GRUInterest,
    HSTUInterest,
    LiGRInterest,
    LinearRecurrentInterest,
    MeanInterest,
    NARMInterest,
    NRMSInterest,
    SelfAttentionInterest,
)
from mmrec.layers import record_init_args
from mmrec.models import SequentialModel, gru4rec
from mmrec.recommender.pipeline.assemble import (
    Recipe,
    assemble,
    build_model,
    model_from,
    parts_of,
    specs_of_model,
)
from mmrec.scoring import DotScorer, MLPScorer


def encoders(ids=5):
    return {"id": IdEncoder(ids, 16), "text": FeatureEncoder(6)}


@pytest.fixture
def build(options):
    def make(event_types=("a", "b", "c"), parts=None, typed=False, **changes):
        recipe, changes = Recipe(parts or {}), {"event_types": typed, **changes}
        return build_model(recipe, options(**changes), encoders(), event_types=event_types)[0]

    return make


FUSIONS = {
    "concat": ConcatFusion,
    "siamese": SiameseFusion,
    "attention": AttentionFusion,
    "gated": GatedFusion,
    "bilinear": BilinearFusion,
    "experts": ExpertsFusion,
    "film": FiLMFusion,
    "sum": SumFusion,
}


@pytest.mark.parametrize(("fusion", "kind"), FUSIONS.items())
def test_the_model_is_what_options_and_parts_say(build, fusion, kind):
    given = {"fusion": fusion, "reranker": "mlp"}
    model = build(parts=given, layers=2, modality_dropout=0.25, time_gap=True)
    assert isinstance(model.items.fusion, kind)
    assert isinstance(model.reranker, MLPScorer)
    assert model.items.dim == model.interest.interest_dim == 16
    assert model.interest.layers == 2
    assert model.interest.inputs.gap is not None
    assert model.interest.inputs.event_type is None
    assert model.items.modality_dropout == 0.25
    assert model.interest.dropout.p == 0.1


INTERESTS = {
    "gru4rec": GRUInterest,
    "sasrec": SelfAttentionInterest,
    "lrurec": LinearRecurrentInterest,
    "hstu": HSTUInterest,
    "ligr": LiGRInterest,
}


@pytest.mark.parametrize("interest", INTERESTS)
def test_every_interest_is_built(build, interest):
    model = build(parts={"interest": interest}, dropout=0.25).interest
    assert isinstance(model, INTERESTS[interest])
    assert model.window == (6 if interest in ("sasrec", "hstu", "ligr") else None)
    assert {part.p for part in model.modules() if isinstance(part, torch.nn.Dropout)} == {0.25}
    assert model.inputs.gap is not None
    own = {"gru4rec": 1, "sasrec": 2, "lrurec": 2, "hstu": 2, "ligr": 2}[interest]
    for layers, expected in ((None, own), (3, 3)):
        made = build(parts={"interest": interest}, layers=layers).interest
        parts = {"gru4rec": "layers", "hstu": "units"}.get(interest, "blocks")
        found = getattr(made, parts)
        assert (found if interest == "gru4rec" else len(found)) == expected


def test_the_mean_the_last_event_and_narm_are_built(build):
    made = build(parts={"interest": "narm"}, layers=2, dropout=0.25).interest
    assert isinstance(made, NARMInterest)
    assert (made.encoder.layers, made.encoder.dropout.p) == (2, 0.25)
    for interest, decay in (("mean", 1.0), ("last", 0.0)):
        made = build(parts={"interest": interest}, layers=2, dropout=0.25).interest
        assert isinstance(made, MeanInterest)
        assert (made.decay, made.inputs.dropout.p) == (decay, 0.25)


def test_nrms_and_additive_attention_are_built(build):
    made = build(parts={"interest": "nrms"}, max_length=7, dropout=0.25).interest
    assert isinstance(made, NRMSInterest)
    assert (made.window, made.inputs.dropout.p) == (7, 0.25)
    made = build(parts={"interest": "additive"}, dropout=0.25).interest
    assert isinstance(made, AdditiveAttentionInterest)
    assert made.inputs.dropout.p == 0.25


def dropouts(part):
    return {m.p for m in part.modules() if isinstance(m, torch.nn.Dropout)}


def test_an_option_reaches_the_parts_of_its_slot_only(build):
    for fusion in FUSIONS:
        model = build(parts={"fusion": fusion, "reranker": "mlp"}, dropout=0.3, layers=2)
        assert dropouts(model.items.fusion) <= {0.0}
        assert dropouts(model.reranker) == {0.4}
    assert model.interest.dropout.p == 0.3
    assert len([m for m in model.reranker.hidden if isinstance(m, torch.nn.Linear)]) == 0


def test_scorers_know_the_width_of_the_interest(build):
    interest = partial(GRUInterest, interest_dim=24)
    with pytest.raises(ValueError, match="24"):  # a product needs the width of items
        build(parts={"interest": interest})

    class Projected(DotScorer):
        def __init__(self, dim, interest_dim):
            super().__init__()
            self.project = torch.nn.Linear(interest_dim, dim)

        def forward(self, states, vectors):
            return super().forward(self.project(states), vectors)

        def index_queries(self, states):
            return super().index_queries(self.project(states))

    model = build(parts={"interest": interest, "scorer": Projected, "reranker": "mlp"})
    assert model.reranker.interest_dim == 24


def test_event_types(build):
    model = build()
    assert model.interest.inputs.event_type is None
    model = build(typed=True)
    assert model.interest.inputs.event_type.num_embeddings == 4
    assert model.reranker is None


class LoudAttention(AttentionFusion):
    pass


def test_a_class_of_ours_is_the_recipe_of_its_name():
    assert Recipe({"interest": GRUInterest}).to_dict() == Recipe().to_dict()


def test_what_cannot_be_told_apart_is_never_the_same():
    first, second = (Recipe({"interest": lambda dim: GRUInterest(dim)}) for _ in range(2))
    assert first.to_dict() == first.to_dict()
    assert first.to_dict() != second.to_dict()


def test_a_recipe_names_what_was_given():
    recipe = Recipe({"interest": "sasrec", "fusion": LoudAttention, "encoders": {"text": "x"}})
    assert recipe.to_dict() == {
        "fusion": {"class_path": f"{__name__}.LoudAttention", "init_args": {}},
        "interest": "sasrec",
        "request": "time",
        "scorer": "dot",
        "reranker": None,
        "loss": "softmax",
        "negatives": "auto",
        "encoders": {"text": "x"},
    }


def test_specs_make_the_same_model():
    model = gru4rec(encoders(), dim=16, reranker=MLPScorer(16, 16))
    model.shortlist = 7
    specs = specs_of_model(model)
    assert {name: spec.class_path for name, spec in specs.items()} == {
        "fusion": "mmrec.fusion.ConcatFusion",
        "interest": "mmrec.interest.GRUInterest",
        "scorer": "mmrec.scoring.DotScorer",
        "reranker": "mmrec.scoring.MLPScorer",
        "items": "mmrec.models.ItemEncoder",
        "model": "mmrec.models.SequentialModel",
    }
    again = assemble(specs, encoders(), [])
    assert again.shortlist == 7
    again.load_state_dict(model.state_dict())


def test_a_model_of_ones_own():
    class Warm(SequentialModel):
        pass

    model = gru4rec(encoders(), dim=16)
    warm = Warm(model.items, model.interest, model.scorer)
    specs = specs_of_model(warm)
    with pytest.raises(ValueError, match=r"the model is .*Warm, which .* hand over the class"):
        assemble(specs, encoders(), [])
    assert type(assemble(specs, encoders(), [(None, Warm)])) is Warm


def test_a_longer_vocabulary_keeps_the_old_rows():
    model = gru4rec(encoders(ids=5), dim=16)
    later = model_from(model, specs_of_model(model), encoders(ids=8))
    table, before = (m.items.encoders["id"].table.weight for m in (later, model))
    assert torch.equal(table[:6], before)
    assert len(table) == 9
    assert np.isfinite(table.detach().numpy()).all()


def test_a_model_class_keeps_its_own_arguments():
    class Plain(SequentialModel):
        def __init__(self, items, interest, scorer, reranker=None, *, temperature=1.0):
            super().__init__(items, interest, scorer, reranker)
            self.temperature = temperature

    made = gru4rec(encoders(), dim=16)
    with pytest.raises(ValueError, match="Plain has a constructor of its own: decorate the class"):
        specs_of_model(Plain(made.items, made.interest, made.scorer, temperature=2.0))
    kept = record_init_args(Plain)
    specs = specs_of_model(kept(made.items, made.interest, made.scorer, temperature=2.0))
    assert specs["model"].init_args == {"temperature": 2.0}
    assert assemble(specs, encoders(), [(None, kept)]).temperature == 2.0


def test_parts_are_named_by_slot():
    assert list(parts_of(gru4rec(encoders(), dim=16))) == [
        "model",
        "items",
        "fusion",
        "interest",
        "scorer",
        "id encoder",
        "text encoder",
    ]
