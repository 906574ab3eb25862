from pathlib import Path

import pytest
import torch
from lightning import Trainer
from lightning.pytorch.callbacks import (
    Callback,
    LearningRateMonitor,
    ModelCheckpoint,
    StochasticWeightAveraging,
)
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from mmrec.training import MovingAverage, tracking
from mmrec.training.tracking import (
    check_callbacks,
    check_loggers,
    check_trainer,
    free_name,
    make_loggers,
)


def test_loggers_by_name_have_a_folder_for_each_training(tmp_path):
    folder = tmp_path / "run.logs"
    check_loggers(["csv", "tensorboard"], folder)
    made = make_loggers(["csv", "tensorboard"], folder, "select")
    assert [type(one) for one in made] == [CSVLogger, TensorBoardLogger]
    assert {one.log_dir for one in made} == {str(folder / "select")}
    (folder / "select").mkdir(parents=True)
    (again,) = make_loggers(["csv"], folder, "select")
    assert again.log_dir == str(folder / "select-2")
    assert free_name(folder, "all") == "all"


def test_loggers_that_are_given(tmp_path):
    built = CSVLogger(tmp_path)
    stages = []

    def of(stage):
        stages.append(stage)
        return CSVLogger(tmp_path, version=stage)

    check_loggers([built, of], None)
    assert make_loggers([built], None, "select") == [built]
    assert make_loggers([built], None, "all") == []
    assert make_loggers([of], None, "valid")[0].version == "valid"
    assert stages == ["valid"]


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_missing_package_is_one_sentence(monkeypatch, name):
    monkeypatch.setattr(tracking, "find_spec", lambda package: None)
    with pytest.raises(ImportError, match=rf"^logger {name} needs {name}: pip install .*{name}"):
        check_loggers([name], Path("logs"))


def test_what_is_no_logger():
    for wrong in ("tb", 3, {"a": 1}):
        with pytest.raises(ValueError, match="logger must be one of"):
            check_loggers([wrong], Path("logs"))
    with pytest.raises(ValueError, match="logger 'csv' needs logs"):
        check_loggers(["csv"], None)


def test_callbacks_that_choose_what_fit_chooses():
    check_callbacks([LearningRateMonitor(), Callback()])
    for wrong in (ModelCheckpoint(), StochasticWeightAveraging(0.1), MovingAverage(0.5)):
        with pytest.raises(ValueError, match=f"callbacks must leave .* got {type(wrong).__name__}"):
            check_callbacks([wrong])
    with pytest.raises(ValueError, match="callbacks must be callbacks of Lightning; got 3"):
        check_callbacks([3])


def test_arguments_of_the_trainer():
    given = {"accelerator": "cpu", "gradient_clip_val": 0.5, "deterministic": True}
    check_trainer(given)
    Trainer(**given, logger=False, enable_progress_bar=False, enable_checkpointing=False)
    for name in tracking.INSTEAD:
        with pytest.raises(ValueError, match=rf"trainer must not have '{name}', which fit sets; g"):
            check_trainer({name: 1})
    for name in ("max_steps", "limit_val_batches", "accumulate_grad_batches", "fast_dev_run"):
        with pytest.raises(ValueError, match=rf"trainer must not have '{name}', which fit sets$"):
            check_trainer({name: 1})
    with pytest.raises(ValueError, match=r"unknown argument 'accelerater'; did you mean 'acceler"):
        check_trainer({"accelerater": "cpu"})
    with pytest.raises(ValueError, match=r"unknown argument 'xyz'; expected some of"):
        check_trainer({"xyz": 1})


def test_every_argument_that_is_taken_exists():
    for name in (*tracking.TAKEN, *tracking.INSTEAD):
        assert name in Trainer.__init__.__wrapped__.__code__.co_varnames


def test_the_mean_loss_of_an_epoch(unchecked):
    values = []

    class Log:
        def log_metrics(self, metrics, step):
            values.append((step, metrics))

    class Rates:
        param_groups = [{"lr": 0.5}, {"lr": 0.25}]  # noqa: RUF012

    class Fake:
        loggers, optimizers, current_epoch, global_step = [Log()], [Rates()], 3, 8

    callback = tracking.LogEpochs()
    callback.on_train_start(Fake, None)
    for loss in ({"loss": torch.tensor(1.0)}, torch.tensor(2.0), None):
        callback.on_train_batch_end(Fake, None, loss, None, 0)
    callback.on_train_epoch_end(Fake, None)
    callback.on_train_batch_end(Fake, None, torch.tensor(5.0), None, 0)
    callback.on_train_epoch_end(Fake, None)
    (first, metrics), (_, later) = values
    assert first == 7
    assert metrics.pop("seconds") >= 0
    assert metrics == {"epoch": 3, "lr": 0.5, "train_loss_epoch": 1.5}
    assert later["train_loss_epoch"] == 5.0
