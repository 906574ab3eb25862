"""What `fit` hands over to Lightning is used, and changes no result."""

import csv

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.profilers import SimpleProfiler
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mmrec import Options, Recommender
from mmrec.data import Catalog
from mmrec.recommender.config import FitConfig
from mmrec.training import ItemProjector, SampleLists

OPTIONS = {"modalities": ("id",), "dim": 4, "epochs": 3, "split": "leave-one-out", "lr": 0.02}
STAGES = ("select", "valid", "all")


@pytest.fixture(scope="module")
def data(chain):
    events, items = chain(users=12, steps=8)
    del items["image"]
    return events, items


@pytest.fixture
def fit(data):
    return lambda options=None, **given: Recommender.fit(
        *data, options=Options(**OPTIONS, **(options or {})), **given
    )


class Stages(Callback):
    """Remembers the trainings that it took part in."""

    def __init__(self, note="none"):
        self.seen, self.note = [], note

    def on_train_epoch_end(self, trainer, pl_module):
        self.seen.append((pl_module.stage, trainer.accelerator.__class__.__name__))


def rows(file):
    with file.open() as text:
        return list(csv.DictReader(text))


def filled(table, column):
    return [float(row[column]) for row in table if row.get(column)]


@pytest.fixture(scope="module")
def tracked(data, tmp_path_factory):
    """A fit with all of it, and the folder of its logs."""
    logs, stages = tmp_path_factory.mktemp("logs"), Stages()
    catalog = Catalog(data[1])
    made = Recommender.fit(
        *data,
        options=Options(**OPTIONS),
        logger=["csv", "tensorboard"],
        logs=logs,
        callbacks=[stages, SampleLists(catalog, requests=2, k=3), ItemProjector(catalog, ["kind"])],
        trainer={"accelerator": "cpu", "log_every_n_steps": 1},
    )
    return made, logs, stages


def test_nothing_of_it_changes_the_result(fit, tracked):
    plain, made = fit(), tracked[0]
    weights = made.model.state_dict()
    assert all(torch.equal(value, weights[n]) for n, value in plain.model.state_dict().items())
    assert plain.report["test"] == made.report["test"]


def test_csv_is_read_back(tracked):
    made, logs, _ = tracked
    assert sorted(path.name for path in logs.iterdir()) == sorted(STAGES)
    for stage in STAGES:
        table = rows(logs / stage / "metrics.csv")
        steps = made.report["refit"][stage]["steps"]
        rates, losses = filled(table, "lr"), filled(table, "train_loss_epoch")
        assert len(rates) == len(losses) == len(filled(table, "seconds")) > 0
        assert rates[-1] < rates[0]
        each = filled(table, "train_loss")
        assert losses[0] == pytest.approx(
            sum(each[: len(each) // len(losses)]) / (len(each) // len(losses)), rel=1e-5
        )
        assert len(each) >= steps
    curve = filled(rows(logs / "select" / "metrics.csv"), "valid_ndcg@10")
    assert curve == pytest.approx(made.report["training"]["valid_curve"], abs=1e-5)
    assert not filled(rows(logs / "all" / "metrics.csv"), "valid_ndcg@10")
    assert "epochs: 3" in (logs / "all" / "hparams.yaml").read_text()


def test_tensorboard_is_read_back(tracked):
    made, logs, _ = tracked
    for stage in STAGES:
        events = EventAccumulator(str(logs / stage)).Reload()
        assert {"train_loss", "train_loss_epoch", "lr", "seconds"} <= set(events.Tags()["scalars"])
    events = EventAccumulator(str(logs / "select")).Reload()
    curve = [event.value for event in events.Scalars("valid_ndcg@10")]
    assert curve == pytest.approx(made.report["training"]["valid_curve"], abs=1e-5)
    texts = [e.tensor_proto.string_val[0].decode() for e in events.Tensors("samples/text_summary")]
    assert len(texts) == len(curve)
    assert all(text.startswith("| history | list |") for text in texts)


def test_sample_lists_leave_out_what_was_seen(tracked):
    text = (tracked[1] / "select" / "samples.md").read_text()
    assert text.count("## Epoch") == len(tracked[0].report["training"]["valid_curve"])
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    lists = [cells for cells in lines if cells[0] != "history"]
    assert len(lists) == 2 * text.count("## Epoch")
    for past, best, taken in lists:
        assert 0 < len(best.split("; ")) <= 3
        assert not set(past.split("; ")) & set(best.split("; "))
        assert len(taken.split("; ")) == 1


def test_item_vectors_are_those_of_the_model(tracked):
    made, logs, _ = tracked
    folder = logs / "all" / "00000" / "items"
    table = [line.split("\t") for line in (folder / "metadata.tsv").read_text().splitlines()]
    assert table[0] == ["item_id", "title", "kind"]
    ids = [row[0] for row in table[1:]]
    assert ids == [str(item) for item in made.catalog.ids]
    values = [
        [float(v) for v in line.split("\t")]
        for line in (folder / "tensors.tsv").read_text().splitlines()
    ]
    found = torch.tensor(values)
    width = found.shape[1]  # affinities may have widened what is served
    torch.testing.assert_close(found, made.vectors[1:, :width], rtol=1e-4, atol=1e-5)


def test_callbacks_know_their_training(tracked):
    seen = tracked[2].seen
    assert list(dict.fromkeys(seen)) == [(stage, "CPUAccelerator") for stage in STAGES]


def test_resumed_training_logs_beside(fit, data, tmp_path, monkeypatch):
    class Stop(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            if trainer.current_epoch == 2:
                raise KeyboardInterrupt

    place = {"checkpoints": tmp_path / "kept", "logger": "csv", "logs": tmp_path / "logs"}
    with pytest.raises(KeyboardInterrupt):
        fit(callbacks=[Stop()], **place)
    resumed = fit(resume=True, **place)
    assert torch.equal(resumed.vectors, fit().vectors)
    before = filled(rows(tmp_path / "logs" / "select" / "metrics.csv"), "valid_ndcg@10")
    after = filled(rows(tmp_path / "logs" / "select-2" / "metrics.csv"), "valid_ndcg@10")
    assert before + after == pytest.approx(resumed.report["training"]["valid_curve"], abs=1e-5)


def test_arguments_of_the_trainer_must_be_the_same_to_resume(fit, tmp_path):
    place = {"checkpoints": tmp_path / "kept"}
    fit({"refit": "none"}, **place)
    with pytest.raises(ValueError, match=r"trainer was \{\} and is \{'gradient_clip_val': '0.5'\}"):
        fit({"refit": "none"}, trainer={"gradient_clip_val": 0.5}, resume=True, **place)


def test_training_with_an_object_for_the_trainer_is_resumed(fit, tmp_path):
    def again(resume):
        trainer = {"profiler": SimpleProfiler()}
        place = tmp_path / "kept"
        return fit({"refit": "none"}, trainer=trainer, checkpoints=place, resume=resume)

    assert torch.equal(again(False).vectors, again(True).vectors)


def test_trainer_arguments_have_an_effect(fit):
    plain = fit({"refit": "none"})
    clipped = fit({"refit": "none"}, trainer={"gradient_clip_val": 1e-9})
    assert not torch.equal(plain.vectors, clipped.vectors)


def test_settings_of_the_trainer_are_options(fit):
    made = fit({"refit": "none"}, trainer={"devices": 1, "precision": "bf16-mixed"})
    assert (made.options.devices, made.options.precision) == (1, "bf16-mixed")
    with pytest.raises(ValueError, match="devices must be given once; got 1 as an option and 2 in"):
        fit({"devices": 1}, trainer={"devices": 2})
    with pytest.raises(ValueError, match="devices must be 1 or more, or 'auto'; got 0"):
        fit(trainer={"devices": 0})


def test_a_logger_or_a_function_of_ones_own(fit, tmp_path):
    built = CSVLogger(tmp_path, name="own")
    fit(logger=[built, lambda stage: CSVLogger(tmp_path, name="each", version=stage)])
    assert sorted(path.name for path in (tmp_path / "each").iterdir()) == sorted(STAGES)
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["version_0"]


def test_what_is_given_by_name_is_in_the_run(fit, tmp_path):
    given = {
        "logger": "csv",
        "trainer": {"accelerator": "cpu"},
        "callbacks": [{"class_path": "lightning.pytorch.callbacks.Timer", "init_args": {}}],
    }
    fit({"refit": "none"}, logs=tmp_path / "logs", **given).save(tmp_path / "run")
    assert FitConfig.from_yaml(tmp_path / "run" / "run.yaml").places == given
    fit({"refit": "none"}, callbacks=[Stages()]).save(tmp_path / "own")
    assert FitConfig.from_yaml(tmp_path / "own" / "run.yaml").places == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"logger": "csv"}, "logger 'csv' needs logs: the folder to write to; got None"),
        ({"trainer": 3}, "trainer must be a map of arguments of the Trainer; got 3"),
        ({"callbacks": "Timer"}, "callbacks must be a list of callbacks; got 'Timer'"),
        ({"callbacks": [{"class_path": "no.such.Part"}]}, "can't be imported"),
        ({"trainer": {"limit_train_batches": 0}}, "must be more than 0; got 0"),
        ({"trainer": {"accelerator": "warp"}}, "invalid accelerator name"),
        (
            {"callbacks": [{"class_path": "lightning.pytorch.callbacks.LearningRateMonitor"}]},
            "LearningRateMonitor.* no logger",
        ),
    ],
)
def test_what_cannot_be_handed_over(fit, given, message, unchecked):
    with pytest.raises(ValueError, match=message):
        fit(**given)


class Best(Callback):
    """Its state is of NumPy, which can't be loaded without running code."""

    def state_dict(self):
        return {"best": np.float64(0.5)}


def test_a_state_that_could_not_be_resumed_from_is_not_written(fit, tmp_path):
    place = tmp_path / "training"
    with pytest.raises(ValueError, match=r"so that training can be resumed; got .*Best"):
        fit(callbacks=[Stages(), Best()], checkpoints=place)
    assert not list(place.glob("*.ckpt"))
    fit(callbacks=[Best()])  # without checkpoints there is nothing to resume from


def test_private_training_takes_none_of_it(fit, tmp_path):
    for given in ({"logger": "csv", "logs": tmp_path}, {"callbacks": [Stages()]}):
        with pytest.raises(ValueError, match="private training takes no logger, callbacks or tr"):
            fit({"epsilon": 1.0}, **given)
    assert not list(tmp_path.iterdir())
