import json
from functools import partial

import pytest
import torch
from torch import nn

from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.fusion import ConcatFusion
from mmrec.interest import GRUInterest
from mmrec.models import ItemEncoder, SequentialModel, gru4rec
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender import Recommender, RunError
from mmrec.recommender.parts import build_name, check_recorded, names_of, with_own
from mmrec.recommender.update import update_recommender
from mmrec.scoring import DotScorer


class Mean(nn.Module):
    """The mean of a history."""

    def __init__(self, dim):
        super().__init__()
        self.dim = self.interest_dim = dim
        self.out = nn.Linear(dim, dim)

    def forward(self, vectors, mask, gap=None, event_type=None):
        vectors = vectors.masked_fill(~mask.unsqueeze(-1), 0)
        return self.out(vectors.cumsum(1) / mask.cumsum(1).clamp(min=1).unsqueeze(-1))


class LoudGRU(GRUInterest):
    """The weights of a GRU, and another answer."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors, mask, gap, event_type) - vectors

    def last(self, vectors, mask, gap=None, event_type=None):
        last = (mask.sum(1) - 1).clamp(min=0)
        return self(vectors, mask, gap, event_type)[torch.arange(len(last)), last]


class LoudConcat(ConcatFusion):
    """The weights of a fusion, and another answer."""

    def forward(self, features, present):
        return -super().forward(features, present)


class Warm(SequentialModel):
    """A whole model of one's own."""

    def scores(self, histories, vectors):
        return 2 * super().scores(histories, vectors)


class HalfScorer(nn.Module):
    """Half a product."""

    def forward(self, interests, vectors):
        return interests @ vectors.T / 2

    def index_vectors(self, vectors):
        return vectors

    def index_queries(self, interests):
        return interests / 2


def own_interest(model):
    model.interest = Mean(model.items.dim)
    return model


def loud_interest(model):
    model.interest = LoudGRU(model.items.dim, time_gap=True)
    return model


def own_fusion(model):
    model.items.fusion = LoudConcat(model.items.fusion.dims, model.items.dim)
    return model


def own_scorer(model):
    model.scorer = HalfScorer()
    return model


def own_model(model):
    return Warm(model.items, model.interest, model.scorer)


def short_list(model):  # no class is another one
    model.shortlist = 3
    return model


BUILDS = {
    "interest": (own_interest, "Mean"),
    "fusion": (own_fusion, "LoudConcat"),
    "scorer": (own_scorer, "HalfScorer"),
    "model": (own_model, "Warm"),
}
HISTORIES = [["i3", "i4"], [], ["i9"]]


@pytest.fixture(scope="module")
def fit_own(chain, options):
    """Train with parts of one's own, for one epoch."""

    def run(build, **changes):
        events, items = chain(users=12)
        return Recommender.fit(
            events, items, options=options(**{"epochs": 1} | changes), build=build
        )

    return run


@pytest.fixture(scope="module")
def with_mean(fit_own):
    return fit_own(own_interest)


@pytest.mark.parametrize("part", BUILDS)
def test_a_part_of_ones_own_comes_back(fit_own, tmp_path, part):
    build, name = BUILDS[part]
    made = fit_own(build)
    assert made.config["parts"][part].endswith(f"test_parts.{name}")
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run", build=build)
    assert again.recommend(HISTORIES, 12) == made.recommend(HISTORIES, 12)
    assert again.config == {"format": 1} | made.config
    with pytest.raises(RunError, match=rf"run has the {part} .*\.{name} that {build.__name__} put"):
        Recommender.load(tmp_path / "run")
    again.save(tmp_path / "run")  # over itself
    assert Recommender.load(tmp_path / "run", build=build).recommend(["i3"], 3)


def test_it_is_trained(fit_own):
    made = fit_own(own_interest, epochs=2)
    start = fit_own(own_interest, epochs=1, lr=1e-9)
    assert not torch.allclose(made.model.interest.out.weight, start.model.interest.out.weight)


def test_what_no_class_tells_of_needs_build_too(fit_own, tmp_path):
    fit_own(short_list, scorer="mlp").save(tmp_path / "run")
    with pytest.raises(RunError, match="run has a model that short_list put there: load needs"):
        Recommender.load(tmp_path / "run")
    assert Recommender.load(tmp_path / "run", build=short_list).model.shortlist == 3


def test_build_must_make_the_same_parts(with_mean, saved, tmp_path):
    with_mean.save(tmp_path / "own")
    with pytest.raises(
        RunError, match=r"its interest is .*\.Mean, and what is built here is .*GRU"
    ):
        Recommender.load(tmp_path / "own", build=loud_interest)
    with pytest.raises(
        RunError, match=r"its interest is mmrec.interest.GRUInterest, and .*LoudGRU"
    ):
        Recommender.load(saved, build=loud_interest)  # the weights would fit


def test_a_part_that_was_put_in_after_training_is_not_lost(fit_own, tmp_path):
    made = fit_own(None)
    made.save(tmp_path / "run")
    files = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    trained = made.model.interest
    for other in (Mean(16), LoudGRU(16, time_gap=True), GRUInterest(16, time_gap=True)):
        other.load_state_dict(trained.state_dict(), strict=False)
        made.model.interest = other
        with pytest.raises(
            ValueError, match=rf"the interest was replaced by .*{type(other).__name__}"
        ):
            made.save(tmp_path / "run")
        assert made.model.interest is other
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == files
    made.model.interest = trained
    made.save(tmp_path / "run")


def test_a_class_may_have_moved_and_a_name_alone_is_not_it(by_id):
    model = own_interest(gru4rec({"id": IdEncoder(5, 8)}, dim=8))
    moved = names_of(model) | {"interest": "__main__.Mean"}
    check_recorded(moved, model, own_interest)
    with pytest.raises(ValueError, match=r"its interest is __main__.GRUInterest, and what"):
        check_recorded(
            names_of(by_id.model) | {"interest": "__main__.GRUInterest"}, by_id.model, None
        )


def test_a_run_of_before_names_no_parts(by_id, saved):
    config = json.loads((saved / "config.json").read_text())
    del config["parts"]
    (saved / "config.json").write_text(json.dumps(config))
    assert Recommender.load(saved).recommend(HISTORIES, 5) == by_id.recommend(HISTORIES, 5)


def test_no_code_comes_from_a_run(saved, tmp_path):
    (tmp_path / "evil.py").write_text("open('ran', 'w')")
    config = json.loads((saved / "config.json").read_text())
    config["parts"]["interest"], config["build"] = "evil.Interest", "evil.build"
    (saved / "config.json").write_text(json.dumps(config))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        patch.chdir(tmp_path)
        for build in (None, own_interest):
            with pytest.raises(RunError, match=r"interest (is )?evil.Interest"):
                Recommender.load(saved, build=build)
    assert not (tmp_path / "ran").exists()


def test_training_on_keeps_the_part(with_mean, chain):
    made = update_recommender(with_mean, chain(users=6, seed=1)[0], epochs=1)
    assert type(made.model.interest) is Mean
    assert made.build is own_interest
    assert made.config["parts"] == with_mean.config["parts"]


def test_live(fit_own, tmp_path):
    fit_own(loud_interest).save(tmp_path / "run")
    live = RealtimeRecommender.load(tmp_path / "run", build=loud_interest)
    assert type(live.recommender.model.interest) is LoudGRU
    live.save(tmp_path / "again")
    again = Recommender.load(tmp_path / "again", build=loud_interest)
    assert torch.equal(again.vectors, live.recommender.vectors)
    with pytest.raises(RunError, match="LoudGRU that loud_interest put there"):
        RealtimeRecommender.load(tmp_path / "again")


def test_a_training_goes_on_with_the_same_build(fit_own, tmp_path, monkeypatch, chain, options):
    def stop(*arguments, **more):
        raise KeyboardInterrupt

    events, items = chain(users=12)
    more = {"options": options(epochs=1), "checkpoints": tmp_path / "parts"}
    with monkeypatch.context() as patch:
        patch.setattr("mmrec.recommender.recommender.encode_with_contributions", stop)
        with pytest.raises(KeyboardInterrupt):
            Recommender.fit(events, items, build=loud_interest, **more)
    with pytest.raises(ValueError, match="because build was loud_interest and is None; repeat"):
        Recommender.fit(events, items, resume=True, **more)
    made = Recommender.fit(events, items, resume=True, build=loud_interest, **more)
    assert made.report["training"]["epochs"] == 1


@pytest.fixture
def model():
    return gru4rec({"id": IdEncoder(5, 8), "text": FeatureEncoder(6)}, dim=8)


def test_build_returns_a_model(model):
    assert with_own(model, None) is model
    for wrong in (lambda model: None, lambda model: model.interest):
        with pytest.raises(ValueError, match="build must return a SequentialModel; got "):
            with_own(model, wrong)


def test_parts_must_fit(model):
    def wide(model):
        model.interest = GRUInterest(16)
        return model

    def blind(model):
        model.items.fusion = ConcatFusion({"id": 8}, 8)
        return model

    with pytest.raises(ValueError, match="interest expects item vectors of width 16; got 8"):
        with_own(model, wide)
    with pytest.raises(ValueError, match=r"fusion expects modalities \['id'\]; got encoders"):
        with_own(model, blind)


def test_a_part_is_named_as_it_is_imported(model):
    names = names_of(model)
    assert names == {
        "model": "mmrec.models.SequentialModel",
        "items": "mmrec.models.ItemEncoder",
        "fusion": "mmrec.fusion.ConcatFusion",
        "interest": "mmrec.interest.GRUInterest",
        "scorer": "mmrec.scoring.DotScorer",
        "id encoder": "mmrec.encoders.IdEncoder",
        "text encoder": "mmrec.encoders.FeatureEncoder",
    }
    model.reranker = HalfScorer()
    assert names_of(model)["reranker"].endswith(".HalfScorer")
    items = ItemEncoder({"id": IdEncoder(5, 8)}, ConcatFusion({"id": 8}, 8))
    assert names_of(Warm(items, GRUInterest(8), DotScorer()))["model"].endswith(".Warm")


def test_a_build_is_named():
    assert build_name(None) is None
    assert build_name(own_interest) == "own_interest"
    assert build_name(partial(own_interest)) == "partial"
