import logging
import sys
from dataclasses import replace

import polars as pl
import pytest
import torch

from mmrec import Options, Recommender
from mmrec.data import read_tables
from mmrec.recommender.pipeline import fit as pipeline
from mmrec.recommender.pipeline.stage import run_stage
from mmrec.tuning import Range, tune
from mmrec.tuning.search import make_search

optuna = pytest.importorskip("optuna")

SPACE = {"lr": Range(1e-5, 0.05), "dim": (4, 16), "interest": ("gru4rec", "lrurec")}


@pytest.fixture(scope="module")
def search(chain):
    """Search on a small log."""
    events, items = chain(users=14, steps=8, items=8)

    def run(study, trials=6, *, log=events, space=SPACE, given=None, **changes):
        small = {"modalities": ("id",), "max_length": 6, "batch_size": 16, "epochs": 4, "ema": 0.0}
        parts = {"negatives": "full"} | changes
        options = Options(**(small | (given or {})))
        return tune(log, items, study=study, trials=trials, space=space, options=options, **parts)

    return run


@pytest.fixture(scope="module")
def whole(search, tmp_path_factory):
    """An undisturbed search, and the file of it."""
    path = tmp_path_factory.mktemp("whole") / "study.db"
    return search(path), path


def same(one, other):
    states = [made.recommender.model.state_dict() for made in (one, other)]
    return (
        states[0].keys() == states[1].keys()
        and all(torch.equal(value, states[1][name]) for name, value in states[0].items())
        and one.trials.drop("seconds").equals(other.trials.drop("seconds"))
    )


def test_the_best_on_validation_is_trained_and_says_how_it_was_found(whole, tmp_path):
    tuned, _ = whole
    table, facts = tuned.trials, tuned.recommender.report["tuning"]
    complete = table.filter(pl.col("state") == "complete")
    best = complete.sort("valid_ndcg@10", descending=True, maintain_order=True).row(0, named=True)
    assert facts["best_trial"] == best["trial"]
    assert facts["valid_ndcg@10"] == best["valid_ndcg@10"]
    assert facts["chosen"] == {name: best[name] for name in SPACE}
    assert facts["trials"] == table.height == 6
    assert facts["complete"] == complete.height
    assert facts["space"]["interest"] == "gru4rec,lrurec"
    made = tuned.recommender
    assert (made.options.lr, made.options.dim) == (best["lr"], best["dim"])
    assert made.state.recipe["interest"] == best["interest"]
    curve = made.report["training"]["valid_curve"]
    assert max(curve) == pytest.approx(best["valid_ndcg@10"], abs=1e-5)
    made.save(tmp_path / "run")
    assert Recommender.load(tmp_path / "run").report["tuning"] == facts


def test_bad_trials_are_pruned(whole):
    tuned, path = whole
    table = tuned.trials
    pruned = table.filter(pl.col("state") == "pruned")
    assert 0 < pruned.height == tuned.recommender.report["tuning"]["pruned"]
    complete = table.filter(pl.col("state") == "complete")
    assert pruned["valid_ndcg@10"].max() < complete["valid_ndcg@10"].max()
    assert pruned["epochs"].min() == 3
    assert path.is_file()


class Killed(BaseException):
    pass


def test_an_interrupted_search_goes_on_to_the_same_end(whole, search, tmp_path, monkeypatch):
    path, count = tmp_path / "study.db", 0

    def dies(plan, how, *more):
        nonlocal count
        count += 1
        if count in (2, 4):  # in the middle of a training
            seen = []
            watch = lambda ndcg: seen.append(ndcg) or len(seen) > 1  # noqa: E731
            run_stage(plan, replace(how, watch=watch), *more)
            raise Killed
        return run_stage(plan, how, *more)

    monkeypatch.setattr("mmrec.tuning.trials.run_stage", dies)
    for _ in range(2):
        with pytest.raises(Killed):
            search(path)
    assert same(whole[0], search(path))


def test_fewer_trials_are_the_beginning_of_more_and_the_test_part_is_measured_once(
    whole, search, tmp_path, monkeypatch
):
    measured, measure = [], pipeline.measure

    def counts(state, *given, **more):
        measured.append(state)
        return measure(state, *given, **more)

    monkeypatch.setattr(pipeline, "measure", counts)
    few = search(tmp_path / "study.db", 2)
    assert len(measured) == 1
    assert few.trials.drop("seconds").equals(whole[0].trials.drop("seconds").head(2))
    monkeypatch.setattr("mmrec.tuning.tuned.run_trial", None)  # nothing is tried again
    assert same(few, search(whole[1], 2))


def test_test_events_change_nothing_that_is_selected(whole, search, chain, tmp_path):
    events, _ = chain(users=14, steps=8, items=8)
    table = pl.DataFrame(events).sort("timestamp")
    report = whole[0].recommender.report
    known = table.height - report["events"]["test"]
    others = [f"i{(int(item[1:]) + 4) % 8}" for item in table["item_id"][known:]]
    items = pl.Series("item_id", [*table["item_id"][:known], *others])
    other = search(tmp_path / "study.db", 3, log=table.with_columns(items))
    assert other.recommender.report["events"] == report["events"]
    assert other.recommender.report["fingerprint"] != report["fingerprint"]
    assert other.trials.drop("seconds").equals(whole[0].trials.drop("seconds").head(3))


def test_a_trial_whose_loss_is_not_finite_fails_alone(search, tmp_path, caplog):
    def broken(logits, target, candidates, log_q):
        from mmrec.losses import softmax_loss

        return softmax_loss(logits, target, candidates, log_q) * (
            float("nan") if logits.requires_grad and broken.count() else 1
        )

    calls = []
    broken.count = lambda: calls.append(1) or len(calls) == 4  # the first is before the training
    with caplog.at_level(logging.INFO, "mmrec.tuning"):
        tuned = search(tmp_path / "study.db", 2, loss=broken)
    assert tuned.trials["state"].to_list() == ["failed", "complete"]
    assert tuned.recommender.report["tuning"]["failed"] == 1
    assert "trial 0 failed: the loss is nan in epoch 3, step 1" in caplog.text

    def always(logits, target, candidates, log_q):
        return logits.sum() * (float("nan") if len(always.calls) else always.calls.append(1) or 1)

    always.calls = []  # the first is before the training
    with pytest.raises(ValueError, match="none of the 1 trials is complete; of the last: the loss"):
        search(tmp_path / "other.db", 1, loss=always)


def test_without_a_space_what_is_set_or_useless_is_not_searched(search, tmp_path, caplog):
    fixed = {"dim": 4, "layers": 1, "weight_decay": 0.1, "dropout": 0.1, "lr": 0.01}
    with caplog.at_level(logging.INFO, "mmrec.tuning"):
        tuned = search(
            tmp_path / "study.db", 1, space=None, given=fixed, interest="gru4rec", negatives="auto"
        )
    assert tuned.recommender.report["tuning"]["space"] == {"loss": "softmax,bpr"}
    assert "pool_size (all 8 trained items are negatives)" in caplog.text
    assert tuned.trials["loss"].to_list() == ["softmax"]  # the default comes first


def test_a_model_of_the_zoo_is_where_a_search_starts(chain):
    data = read_tables(*chain(users=14, steps=8, items=8))
    made = make_search(data, Options(devices=1, lr=0.01), {"fusion": "concat"}, None, "lrurec")
    assert "dropout" in made.space
    assert not {"interest", "loss", "fusion", "lr"} & set(made.space)
    assert made.defaults["dropout"] == made.plan.options.dropout == 0.2
    plan = made.plan_of({"dropout": 0.5, "dim": 64})
    assert (plan.options.dropout, plan.options.max_length) == (0.5, 200)
    assert (plan.recipe.of("interest"), plan.recipe.of("negatives")) == ("lrurec", "full")
    other = make_search(data, Options(), {}, {"loss": ("bpr", "softmax")}, "lrurec")
    assert other.plan_of({"loss": "bpr"}).recipe.of("loss") == "bpr"
    assert other.defaults == {"loss": "softmax"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "bert"}, "model must be one of"),
        ({"trials": 0}, "trials must be a whole number of 1 or more; got 0"),
        ({"space": {"epochs": (1, 2)}}, "a search must be over names among"),
        ({"space": {"negatives": ("full",)}}, r"\['negatives'\] must be set or searched; got both"),
        ({"given": {}, "space": {"seed": (1,)}}, "a search must be over names among"),
        ({"given": {"devices": 2}}, "devices must be at most|a search trains on one device"),
        ({"space": {"interest": ("gru4rec", "mmrec.interest.Nothing")}}, "Nothing"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_trial(search, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        search(tmp_path / "study.db", **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_search_of_other_data_or_another_space_is_refused(search, whole, chain):
    path = whole[1]
    other = chain(users=13, steps=8, items=8)[0]
    with pytest.raises(ValueError, match="can't go on: the events differ; give what it was"):
        search(path, log=other)
    with pytest.raises(ValueError, match=r"space of lr was .* none; .* dim was 4,16 and is 4,8"):
        search(path, space={"dim": (4, 8)})


def test_without_optuna_the_extra_is_named(search, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r'a search needs optuna: pip install "mmrec\[tune\]"'):
        search(tmp_path / "study.db")


def test_features_are_computed_once(chain, bert_folder, tmp_path):
    from mmrec.encoders import TextEncoder

    events, items = chain(users=14, steps=8, items=8)
    encoded, forward = [], TextEncoder.forward

    def counts(self, *inputs, **more):
        encoded.append(1)
        return forward(self, *inputs, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextEncoder, "forward", counts)
        tune(
            events,
            items,
            study=tmp_path / "study.db",
            trials=2,
            space={"lr": Range(1e-4, 1e-2)},
            options=Options(modalities=("text",), epochs=1, dim=8),
            encoders={"text": str(bert_folder)},
        )
    assert len(encoded) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study.db", "study.db.features"]
