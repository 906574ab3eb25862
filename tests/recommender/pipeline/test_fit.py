from collections import Counter

import numpy as np
import pytest
import torch

from mmrec.recommender import Recommender
from mmrec.recommender.content import pretrained
from mmrec.training import SequentialRecommender

LAST = "last"
"""An item that only test events have."""


@pytest.fixture(scope="module")
def log(chain):
    """A chain of eight items; at the end, six users go on to an item that is new."""
    events, items = chain(users=20, items=8)
    first = len(events["timestamp"])
    more = {
        "user_id": [f"u{user}" for user in range(6)],
        "item_id": [LAST] * 6,
        "timestamp": list(range(first, first + 6)),
        "event": ["view"] * 6,
    }
    events = {name: [*values, *more[name]] for name, values in events.items()}
    return events, {"item_id": [*items["item_id"], LAST]}


@pytest.fixture(scope="module")
def fit(log, options):
    def run(refit, **changes):
        given = {"epochs": 4, "trend": False, "ema": 0.5, "refit": refit} | changes
        return Recommender.fit(*log, options=options(**given), negatives="full")

    return run


@pytest.fixture(scope="module")
def made(fit):
    """A recommender for each value of the option; don't change them."""
    return {refit: fit(refit) for refit in ("none", "valid", "all")}


@pytest.mark.parametrize("trend", [True, False])
def test_items_without_a_date_are_counted_before_the_training(log, options, trend, caplog):
    events, items = log
    dates = [0.0] * (len(items["item_id"]) - 1) + [None]
    Recommender.fit(
        events, items | {"created_at": dates}, options=options(epochs=1, trend=trend, refit="none")
    )
    said = [text for text in caplog.messages if "created_at" in text]
    text = "1 of 9 items has no created_at: its age counts from its first event; without events it"
    assert said == [f"{text} counts as new"] * trend


def test_without_a_trend_a_date_may_be_anything(log, options):
    events, items = log
    dates = ["spring"] * len(items["item_id"])
    given = events, items | {"created_at": dates}
    with pytest.raises(ValueError, match="created_at"):
        Recommender.fit(*given, options=options(epochs=1, refit="none"))
    Recommender.fit(*given, options=options(epochs=1, trend=False, refit="none"))


def test_an_item_of_test_events_alone_has_an_id_and_is_on_lists_of_the_run(made, tmp_path):
    index = int(made["all"].catalog.indices_of([LAST])[0])
    assert {name: int(one.state.counts[index]) for name, one in made.items()} == {
        "none": 0,
        "valid": 0,
        "all": 6,
    }
    assert made["none"].state.slots[index] == made["valid"].state.slots[index] == 0
    made["all"].save(tmp_path / "run")
    loaded = Recommender.load(tmp_path / "run")
    assert loaded.state.slots[index] == 9
    assert loaded.options.refit == "all"
    history = [f"i{item % 8}" for item in range(3)]
    assert LAST in [line.item for line in loaded.recommend(history, k=6)]


def test_validation_is_of_the_model_that_selects_and_test_of_the_one_before_the_last(made):
    reports = {name: one.report for name, one in made.items()}
    for name in ("valid", "all"):
        assert reports[name]["valid"] == reports["none"]["valid"]
        assert reports[name]["training"] == reports["none"]["training"]
    assert reports["all"]["test"] == reports["valid"]["test"]
    assert made["all"].targets.equals(made["valid"].targets)
    for name in ("baselines", "fingerprint"):
        assert reports["all"][name] == reports["none"][name]
    assert made["all"].targets["warm"].equals(made["none"].targets["warm"])
    weights = [one.model.state_dict()["items.encoders.id.table.weight"] for one in made.values()]
    assert [len(weight) for weight in weights[:2]] == [len(weights[2]) - 1] * 2


def test_the_report_has_every_training(made):
    best = made["none"].report["training"]["best_epoch"]
    stages = made["all"].report["refit"]
    sizes = made["all"].report["events"]
    assert list(stages) == ["select", "valid", "all"]
    assert [list(one.report["refit"]) for one in made.values()][:2] == [
        ["select"],
        ["select", "valid"],
    ]
    for name, count in {"select": 1, "valid": 2, "all": 3}.items():
        parts = ["train", "valid", "test"][:count]
        assert stages[name]["parts"] == parts
        assert stages[name]["events"] == sum(sizes[part] for part in parts)
    assert [stage["trained_items"] for stage in stages.values()] == [8, 8, 9]
    assert stages["select"]["epochs"] == best
    assert len({stage["steps"] for stage in stages.values()}) == 1
    assert "tested: train + valid (" in str(made["all"].report)
    assert "kept: train + valid + test (246 events)" in str(made["all"])
    assert "refit" not in str(made["none"])


def test_the_report_tells_what_the_refit_changed(made):
    alone = made["none"].report
    assert "test" not in alone["refit"]["select"]
    for refitted in (made["valid"], made["all"]):
        found = refitted.report["refit"]["select"]["test"]
        names = ("ndcg@10", "hr@10")
        assert {name: found[name] for name in names} == {n: alone["test"][n] for n in names}
        for part in ("warm", "cold"):
            assert found[part] == {name: alone["test"][part].get(name) for name in names}
        assert f"NDCG@10 before the refit {found['ndcg@10']:.4f}" in str(refitted.report)


def test_refits_take_the_steps_that_selection_found_and_validate_nothing(fit, monkeypatch):
    done = Counter()
    names = ("training_step", "validation_step")
    steps = {name: getattr(SequentialRecommender, name) for name in names}

    def counted(name):
        def step(self, *arguments):
            done[name, self.schedule] += 1
            return steps[name](self, *arguments)

        return step

    for name in names:
        monkeypatch.setattr(SequentialRecommender, name, counted(name))
    made = fit("all", epochs=3, batch_size=16)
    stages = made.report["refit"]
    batches = stages["select"]["steps"] // made.report["training"]["best_epoch"]
    assert done["training_step", None] == 3 * batches
    assert done["training_step", 3 * batches] == 2 * stages["select"]["steps"]
    assert {schedule for name, schedule in done if name == "validation_step"} == {None}


def test_frozen_encoders_run_once(log, options, bert_folder, monkeypatch):
    events, items = log
    count, encode = 0, pretrained.encode_each

    def counted(*arguments, **more):
        nonlocal count
        count += 1
        return encode(*arguments, **more)

    monkeypatch.setattr(pretrained, "encode_each", counted)
    titles = [f"red {'abcdefgh'[n % 8]}" for n in range(len(items["item_id"]))]
    chosen = options(modalities=("text",), epochs=1, refit="all")
    made = Recommender.fit(
        events, items | {"title": titles}, options=chosen, encoders={"text": str(bert_folder)}
    )
    assert count == 1
    # Each stage standardizes by its own items.
    text, encoder = made.state.modalities["text"], made.model.items.encoders["text"]
    nobody = np.zeros(len(titles), int)
    source, _ = text.modality.source_of(made.catalog, encoder, text.facts, nobody)
    features = source.load(np.arange(1, len(titles) + 1))
    mean = made.model.state_dict()["items.encoders.text.mean"]
    torch.testing.assert_close(mean, features.mean(0), atol=1e-5, rtol=1e-4)


def test_an_update_refits_from_the_old_weights(made, log):
    old = made["all"]
    before = {name: value.clone() for name, value in old.model.state_dict().items()}
    events, _ = log
    later = events | {
        "timestamp": [time + 10_000 for time in events["timestamp"]],
        "item_id": ["newer" if item == LAST else item for item in events["item_id"]],
    }
    new = old.update(later, {"item_id": ["newer"]}, options={"epochs": 1, "lr": 1e-9})
    assert list(new.report["refit"]) == ["select", "valid", "all"]
    assert "leak" not in new.report
    assert new.state.slots.tolist() == [*old.state.slots.tolist(), 10]
    assert all(torch.equal(value, before[name]) for name, value in old.model.state_dict().items())
    table = "items.encoders.id.table.weight"
    kept = new.model.state_dict()[table][: len(before[table])]
    torch.testing.assert_close(kept, before[table], atol=1e-4, rtol=0)
