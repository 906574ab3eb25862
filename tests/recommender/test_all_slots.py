"""A part of one's own for every slot, through everything that a recommender does."""

import json
import re
import sys
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from mmrec.encoders import TextEncoder
from mmrec.evaluation.results import by_recipe, check_comparable, read_result
from mmrec.export import export_recommender
from mmrec.fusion import ConcatFusion
from mmrec.interest import GRUInterest
from mmrec.layers import record_init_args
from mmrec.losses import softmax_loss
from mmrec.models import SequentialModel
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender import Recommender, RunError
from mmrec.recommender.content import TextModality
from mmrec.sampling import FullSampler
from mmrec.scoring import DotScorer, MLPScorer


class Mean(nn.Module):
    """The mean of a history, which can be kept up event by event."""

    def __init__(self, dim, *, scale=1.0):
        super().__init__()
        self.dim = self.interest_dim = dim
        self.scale = scale
        self.out = nn.Linear(dim, dim)

    def forward(self, vectors, mask, gap=None, event_type=None):
        vectors = vectors.masked_fill(~mask.unsqueeze(-1), 0)
        return self.out(self.scale * vectors.cumsum(1) / mask.cumsum(1).clamp(min=1).unsqueeze(-1))

    def initial_state(self, batch_size):
        return torch.zeros(batch_size, self.dim + 1)

    def step(self, state, vectors, gap=None, event_type=None):
        return state + torch.cat([vectors, torch.ones_like(vectors[:, :1])], dim=1)

    def readout(self, state):
        return self.out(self.scale * state[:, :-1] / state[:, -1:].clamp(min=1))


class LoudGRU(GRUInterest):
    """The weights of a GRU, and another answer."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors, mask, gap, event_type) - vectors


class LoudConcat(ConcatFusion):
    """The weights of a fusion, and another answer."""

    def forward(self, features, present):
        return -super().forward(features, present)


class HalfScorer(DotScorer):
    """Half a product."""

    def forward(self, states, vectors):
        return super().forward(states, vectors) / 2

    def index_queries(self, states):
        return super().index_queries(states) / 2


class Signed(MLPScorer):
    """Another answer."""

    def forward(self, states, candidates):
        return -super().forward(states, candidates)


class Shouting(TextEncoder):
    """A text encoder that says twice as much."""

    def forward(self, inputs):
        return 2 * super().forward(inputs)


class FirstHalf(FullSampler):
    """The first items alone."""

    def __init__(self, items, share=0.5):
        super().__init__(items[: max(1, int(share * len(items)))])


def doubled(logits, target, candidates, log_q, cold=1):
    return 2 * softmax_loss(cold * logits, target, candidates, log_q)


SLOTS = {
    "fusion": (LoudConcat, [LoudConcat]),
    "interest": (partial(Mean, scale=0.5), [Mean]),
    "scorer": (HalfScorer, [HalfScorer]),
    "reranker": (partial(Signed, depth=2), [Signed]),
    "loss": (partial(doubled, cold=3), []),
    "negatives": (partial(FirstHalf, share=0.75), []),
}
HISTORIES = [["i3", "i4"], [], ["i9"]]


@pytest.fixture(scope="module")
def fit_own(fit):
    """Train with parts of one's own, for one epoch."""
    return lambda **changes: fit(**{"epochs": 1, "log": {"users": 12}} | changes)


@pytest.fixture(scope="module")
def made(fit_own):
    """A recommender for each slot that has a part of one's own in it; don't change them."""
    kept = {}

    def get(slot):
        if slot not in kept:
            kept[slot] = fit_own(**{slot: SLOTS[slot][0]})
        return kept[slot]

    return get


@pytest.fixture(scope="module")
def plain(fit_own):
    return fit_own()


@pytest.mark.parametrize("slot", SLOTS)
def test_it_is_used_saved_and_loaded(made, plain, tmp_path, slot):
    own, parts = made(slot), SLOTS[slot][1]
    assert own.recommend_many(HISTORIES, 5) != plain.recommend_many(HISTORIES, 5)
    own.save(tmp_path / "run")
    if parts:
        name = parts[0].__name__
        with pytest.raises(RunError, match=rf"the {slot} is .*{name}, which .* parts=\[{name}\]"):
            Recommender.load(tmp_path / "run")
    again = Recommender.load(tmp_path / "run", parts=parts)
    assert again.recommend_many(HISTORIES, 12) == own.recommend_many(HISTORIES, 12)
    assert again.state.recipe == own.state.recipe
    again.save(tmp_path / "run")  # over itself
    assert Recommender.load(tmp_path / "run", parts=parts).recommend(["i3"], 3)


@pytest.mark.parametrize("slot", SLOTS)
def test_it_is_served(made, tmp_path, slot):
    own, parts = made(slot), SLOTS[slot][1]
    own.save(tmp_path / "run")
    live = RealtimeRecommender.load(tmp_path / "run", parts=parts)
    for item in ("i3", "i4"):
        live.observe("ann", item)
    expected = own.recommend(["i3", "i4"], 5)
    found = live.recommend(history=["i3", "i4"], k=5)
    assert [line.item for line in found] == [line.item for line in expected]
    assert live.recommend("ann", k=5)
    live.save(tmp_path / "again")
    assert torch.equal(Recommender.load(tmp_path / "again", parts=parts).vectors, own.vectors)


@pytest.mark.parametrize("slot", SLOTS)
def test_it_is_exported(made, tmp_path, slot):
    export_recommender(made(slot), tmp_path / "out", formats=["torch"])
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["parts"]


@pytest.mark.parametrize("slot", SLOTS)
def test_training_goes_on_with_the_same_part_only(
    fit_own, chain, options, take_parts, tmp_path, monkeypatch, slot
):
    def stop(*arguments, **more):
        raise KeyboardInterrupt

    def run(**more):
        given = take_parts(more)
        return Recommender.fit(
            *chain(users=12),
            options=options(epochs=1),
            checkpoints=tmp_path / "kept",
            resume=more.pop("resume", False),
            **given,
        )

    with monkeypatch.context() as patch:
        patch.setattr("mmrec.recommender.pipeline.stage.encode_with_contributions", stop)
        with pytest.raises(KeyboardInterrupt):
            run(**{slot: SLOTS[slot][0]})
    with pytest.raises(ValueError, match=f"resumed: {slot} was .*class_path.* and is .*; give"):
        run(resume=True)
    again = run(resume=True, **{slot: SLOTS[slot][0]})
    assert again.report["training"]["epochs"] == 1


@pytest.mark.parametrize("slot", SLOTS)
def test_training_on_keeps_it(made, chain, slot):
    own = made(slot)
    later = own.update(chain(users=6, seed=1)[0], options={"epochs": 1})
    assert later.state.recipe == own.state.recipe
    if slot not in ("loss", "negatives"):
        assert later.state.specs == own.state.specs
        part = getattr(later.model.items if slot == "fusion" else later.model, slot)
        assert type(part) is SLOTS[slot][1][0]


@pytest.mark.parametrize("slot", ["loss", "negatives"])
def test_an_update_learns_by_the_part_of_the_run_with_its_arguments(
    made, chain, tmp_path, caplog, slot
):
    own, events = made(slot), chain(users=6, seed=1)[0]
    caplog.clear()  # a test that runs alone trains here
    target = SLOTS[slot][0].func
    own.save(tmp_path / "run")

    def updated(parts=(), **given):
        loaded = Recommender.load(tmp_path / "run", parts=parts)
        return loaded.update(events, options={"epochs": 1}, **given)

    expected = updated(**{slot: SLOTS[slot][0]})
    name = target.__name__
    with pytest.raises(
        ValueError,
        match=rf"the {slot} (is|are) \S+{name}, which .* --part \S+{name} .*; or give {slot}= to",
    ):
        updated()
    for parts in ([target], [SLOTS[slot][0]], [__name__], {slot: target}):
        found = updated(parts)
        assert torch.equal(found.vectors, expected.vectors)
        assert found.state.recipe == own.state.recipe
        again = found.update(events, options={"epochs": 1})  # the parts are still known
        assert again.state.recipe == own.state.recipe
    assert torch.equal(own.update(events, options={"epochs": 1}).vectors, expected.vectors)
    assert not caplog.messages
    other = updated(**{slot: target})
    assert not torch.equal(other.vectors, expected.vectors)
    forgotten = rf"the {slot} \S+{name} is used with its default of (cold|share); that of the RUN"
    assert re.match(forgotten, caplog.messages[-1])


def test_an_update_without_a_name_for_its_loss(fit_own, chain):
    events = chain(users=6, seed=1)[0]
    made = fit_own(loss=lambda *given: doubled(*given, cold=5))
    known = fit_own(loss=partial(doubled, cold=5))
    later = [one.update(events, options={"epochs": 1}) for one in (made, known)]
    assert torch.equal(later[0].vectors, later[1].vectors)


@pytest.mark.parametrize("slot", SLOTS)
def test_runs_that_differ_by_it_alone_are_two_recipes(made, plain, tmp_path, slot):
    plain.save(tmp_path / "plain")
    made(slot).save(tmp_path / "own")
    results = [read_result(tmp_path / name) for name in ("plain", "own")]
    check_comparable(results)
    groups = by_recipe(results)
    assert len(groups) == 2
    assert all(slot in name.replace(" ", "_") for name in groups), list(groups)


def test_a_part_is_trained(fit_own):
    made = fit_own(interest=Mean, epochs=2)
    start = fit_own(interest=Mean, epochs=1, lr=1e-9)
    assert not torch.allclose(made.model.interest.out.weight, start.model.interest.out.weight)


def test_an_encoder_of_ones_own(fit_own, bert_folder, tmp_path):
    for tuning in ("frozen", "full"):
        own = Shouting.from_pretrained(str(bert_folder), tuning=tuning)
        text = TextModality(own, tuning=tuning)
        made = fit_own(
            modalities=("text",), tuning=tuning, encoders={"text": text}, negatives="in-batch"
        )
        made.save(tmp_path / "run")
        if tuning == "full":
            with pytest.raises(RunError, match="hand it over in parts"):
                Recommender.load(tmp_path / "run")
        again = Shouting.from_pretrained(str(bert_folder), tuning=tuning)
        loaded = Recommender.load(tmp_path / "run", parts=[again])
        assert loaded.recommend(["i3"], 5) == made.recommend(["i3"], 5)
        loaded.add_items({"item_id": ["new"], "title": [made.catalog.row("i3")["title"]]})
        assert torch.allclose(loaded.vectors[-1], made.vectors[4], atol=1e-4)


def test_an_encoder_that_is_given_built_stays_as_it_is(fit_own, bert_folder, chain, tmp_path):
    own = Shouting.from_pretrained(str(bert_folder), tuning="full")
    before = {name: value.clone() for name, value in own.state_dict().items()}
    given = {"encoders": {"text": TextModality(own, tuning="full")}, "negatives": "in-batch"}
    first, second = (fit_own(modalities=("text",), tuning="full", **given) for _ in range(2))
    assert all(torch.equal(value, before[name]) for name, value in own.state_dict().items())
    assert torch.equal(first.vectors, second.vectors)
    assert len(first.update(chain(users=6, seed=1)[0], options={"epochs": 1}).catalog) == 12
    first.save(tmp_path / "run")
    loaded = Recommender.load(tmp_path / "run", parts=[own])
    assert len(loaded.update(chain(users=6, seed=1)[0], options={"epochs": 1}).catalog) == 12


def test_a_part_that_is_given_built(fit_own, tmp_path):
    made = fit_own(interest=GRUInterest(16, layers=2))  # it records its arguments
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    assert again.recommend(["i3"], 5) == made.recommend(["i3"], 5)
    made = fit_own(interest=Mean(16, scale=0.25))  # it doesn't
    made.save(tmp_path / "run")
    with pytest.raises(RunError, match=r"/run: the interest .* parts=\[Mean\], or --part \S+Mean"):
        Recommender.load(tmp_path / "run")
    with pytest.raises(RunError, match=r"given as an object .*: hand over an object"):
        Recommender.load(tmp_path / "run", parts=[Mean])
    again = Recommender.load(tmp_path / "run", parts=[Mean(16, scale=0.25)])
    assert again.recommend(["i3"], 5) == made.recommend(["i3"], 5)
    recorded = record_init_args(type("Kept", (Mean,), {"__init__": Mean.__init__}))
    fit_own(interest=recorded(16, scale=0.25)).save(tmp_path / "run")
    assert Recommender.load(tmp_path / "run", parts=[recorded]).model.interest.scale == 0.25


def test_all_parts_that_are_missing_are_said_at_once(fit_own, tmp_path):
    fit_own(interest=Mean, scorer=HalfScorer, loss=doubled).save(tmp_path / "run")
    said = r"the interest is \S+Mean and the scorer is \S+HalfScorer, which are not parts of mmrec"
    with pytest.raises(RunError, match=said + r".*an update .* needs the loss \S+doubled\)$"):
        Recommender.load(tmp_path / "run")
    with pytest.raises(
        RunError, match=r"/run: the scorer is \S+HalfScorer, which is .* got \S+Mean"
    ):
        Recommender.load(tmp_path / "run", parts=[Mean])
    loaded = Recommender.load(tmp_path / "run", parts=[__name__])
    assert type(loaded.model.interest) is Mean


def test_class_path_and_init_args(fit_own, tmp_path):
    given = {"class_path": "mmrec.interest.GRUInterest", "init_args": {"layers": 2}}
    made = fit_own(interest=given)
    assert made.model.interest.layers == 2
    assert made.state.recipe["interest"] == given
    made.save(tmp_path / "run")
    assert Recommender.load(tmp_path / "run").model.interest.layers == 2


def test_a_part_that_was_put_in_after_training_is_not_lost(fit_own, tmp_path):
    made = fit_own()
    made.save(tmp_path / "run")
    files = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    trained = made.model.interest
    for other in (Mean(16), LoudGRU(16, time_gap=True), GRUInterest(16, time_gap=True)):
        other.load_state_dict(trained.state_dict(), strict=False)
        made.model.interest = other
        with pytest.raises(
            ValueError, match=rf"the interest was replaced by {type(other).__name__}"
        ):
            made.save(tmp_path / "run")
        assert made.model.interest is other
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == files
    made.model.interest = trained
    made.save(tmp_path / "run")


def test_no_code_comes_from_a_run(saved, tmp_path):
    (tmp_path / "evil.py").write_text("open('ran', 'w')")
    config = json.loads((saved / "config.json").read_text())
    config["parts"]["interest"]["class_path"] = "evil.Interest"
    (saved / "config.json").write_text(json.dumps(config))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        patch.chdir(tmp_path)
        for parts in ([], [Mean]):
            with pytest.raises(RunError, match=r"the interest is evil.Interest"):
                Recommender.load(saved, parts=parts)
    assert not (tmp_path / "ran").exists()


def test_a_class_that_has_moved(made, tmp_path):
    made("interest").save(tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["parts"]["interest"]["class_path"] = "__main__.Mean"
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    again = Recommender.load(tmp_path / "run", parts=[Mean])
    assert again.recommend(["i3"], 5) == made("interest").recommend(["i3"], 5)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"interest": "lstm"}, r"interest must be one of \['gru4rec', .*; got 'lstm'"),
        ({"interest": 3}, "interest must be one of .*; got 3"),
        ({"interest": "no.such.Thing"}, "part 'no.such.Thing' can't be imported"),
        ({"interest": {"path": "x"}}, "a part must be .*; got {'path': 'x'}"),
        ({"interest": nn.GRUCell}, r"GRUCell needs \['input_size', 'hidden_size'\], and a factory"),
        ({"interest": partial(Mean, 16)}, "functools.partial must set keywords; got"),
        ({"interest": partial(Mean, scale=object())}, "must be plain JSON values, so that"),
        ({"fusion": "mean"}, r"fusion must be one of \['concat', .*; got 'mean'"),
        ({"loss": "hinge"}, "loss must be one of"),
        ({"negatives": "none"}, "negatives must be one of"),
        ({"ranker": "mlp"}, r"parts must be among .*; got \['ranker'\]"),
        (
            {"interest": partial(GRUInterest, dim=8)},
            "interest expects item vectors of width 8; got 16",
        ),
        (
            {"encoders": {"audio": "x"}},
            r"encoders must be of modalities in use, .*; got \['audio'\]",
        ),
    ],
)
def test_what_is_no_part(chain, options, parts, message):
    with pytest.raises(ValueError, match=message):
        Recommender.fit(*chain(users=12), options=options(epochs=1), **parts)


class Margin(nn.Module):
    """A loss that is made with an argument."""

    def __init__(self, weight=1.0):
        super().__init__()
        self.weight = weight

    def forward(self, logits, target, candidates, log_q):
        return self.weight * softmax_loss(logits, target, candidates, log_q)


def make_mean(dim):
    return Mean(dim, scale=0.5)


def test_a_loss_class_is_made(fit_own):
    path = f"{__name__}.Margin"
    for given in (Margin, partial(Margin, weight=2.0), Margin(2.0)):
        assert fit_own(loss=given).vectors.isfinite().all()
    given = {"class_path": path, "init_args": {"weight": 2.0}}
    if __name__ in sys.modules:
        assert fit_own(loss=given).state.recipe["loss"] == given


def test_a_function_that_makes_a_part(fit_own, chain, tmp_path):
    made = fit_own(interest=make_mean)
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run", parts=[make_mean])
    assert again.recommend(["i3"], 5) == made.recommend(["i3"], 5)
    later = again.update(chain(users=6, seed=1)[0], options={"epochs": 1})
    assert later.model.interest.scale == 0.5


def test_what_is_given_built_stays_as_it_is(fit_own):
    given = GRUInterest(16, time_gap=True)
    before = {name: value.clone() for name, value in given.state_dict().items()}
    first = fit_own(interest=given)
    second = fit_own(interest=given)
    assert all(torch.equal(value, before[name]) for name, value in given.state_dict().items())
    assert torch.equal(first.vectors, second.vectors)


def test_what_is_handed_over_is_not_shared(fit_own, tmp_path):
    for number, seed in enumerate((0, 1)):
        fit_own(interest=Mean(16), seed=seed).save(tmp_path / f"{number}")
    mine = Mean(16)
    first, second = (Recommender.load(tmp_path / f"{n}", parts=[mine]) for n in (0, 1))
    assert first.model.interest is not second.model.interest
    assert not torch.equal(first.model.interest.out.weight, second.model.interest.out.weight)


def test_an_object_made_in_another_way_is_refused(fit_own, tmp_path):
    fit_own(interest=GRUInterest(16, layers=2)).save(tmp_path / "run")
    with pytest.raises(RunError, match=r"was made with .*; the object handed over was made with"):
        Recommender.load(tmp_path / "run", parts=[GRUInterest(16, layers=1)])


def test_several_objects_of_a_class_are_named(fit_own, bert_folder, tmp_path):
    names = ("title", "kind")
    own = {n: Shouting.from_pretrained(str(bert_folder), tuning="last-1") for n in names}
    text = {n: TextModality(own[n], template=f"{{{n}}}", tuning="last-1") for n in names}
    made = fit_own(modalities=names, encoders=text, negatives="in-batch")
    made.save(tmp_path / "run")
    fresh = {n: Shouting.from_pretrained(str(bert_folder), tuning="last-1") for n in names}
    with pytest.raises(RunError, match="one of 2 parts handed over as Shouting: name it"):
        Recommender.load(tmp_path / "run", parts=list(fresh.values()))
    parts = {f"{n} encoder": fresh[n] for n in names}
    again = Recommender.load(tmp_path / "run", parts=parts)
    again.save(tmp_path / "again")
    for n in names:
        one, two = (m.model.items.encoders[n].state_dict() for m in (made, again))
        assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_defaults_are_recorded(fit_own):
    assert fit_own(interest=Mean).state.specs["interest"].init_args == {"dim": 16, "scale": 1.0}


def test_keys_that_json_changes_are_refused(fit_own):
    class Keyed(Mean):
        def __init__(self, dim, table=None):
            super().__init__(dim)

    with pytest.raises(ValueError, match="got the key 1, which JSON turns into text"):
        fit_own(interest=partial(Keyed, table={1: 0.5}))


def test_tied_weights_are_saved(fit_own, tmp_path):
    class Tied(Mean):
        def __init__(self, dim):
            super().__init__(dim)
            self.twin = self.out

    made = fit_own(interest=Tied)
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run", parts=[Tied])
    assert again.recommend(["i3"], 5) == made.recommend(["i3"], 5)


def test_a_model_that_an_index_would_ignore_is_not_served(fit_own, tmp_path):
    class Doubled(SequentialModel):
        def scores(self, histories, vectors):
            return 2 * super().scores(histories, vectors)

    made = fit_own()
    parts = made.model.items, made.model.interest, made.model.scorer
    own = Recommender(replace(made.state, model=Doubled(*parts)))
    with pytest.raises(ValueError, match="Doubled has its own scores, which would be ignored"):
        RealtimeRecommender(own)
    with pytest.raises(ValueError, match="Doubled has its own scores, which would be ignored"):
        export_recommender(own, tmp_path / "out", formats=["torch"])
    assert not (tmp_path / "out").exists()


def test_removed_items_stay_removed(fit_own, tmp_path):
    live = RealtimeRecommender(fit_own())
    live.remove_items(["i3"])
    live.save(tmp_path / "run")
    lines = Recommender.load(tmp_path / "run").recommend(["i1"], 12)
    assert len(lines) == 10
    assert "i3" not in {line.item for line in lines}
