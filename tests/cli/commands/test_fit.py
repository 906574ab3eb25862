import io
import json
import sys

import polars as pl
import pytest
import yaml

from mmrec.recommender.config import FitConfig

QUICK = ["--dim", "8", "--epochs", "2", "--batch-size", "8", "--modalities", "id"]
QUICK += ["--negatives", "full", "--devices", "1", "--lr", "0.02"]


@pytest.fixture(scope="module")
def folder(chain, tmp_path_factory):
    """A data set folder whose columns have other names; don't change it."""
    folder = tmp_path_factory.mktemp("data")
    events, items = chain(users=12, steps=8)
    pl.DataFrame(events).rename({"user_id": "who"}).write_csv(folder / "interactions.csv")
    pl.DataFrame(items).drop("image").write_csv(folder / "items.csv")
    return folder


@pytest.fixture
def said(command):
    """Return the configuration that a fit prints."""

    def ask(*arguments):
        status, out, err = command("fit", *arguments, "--print-config")
        assert (status, err) == (0, ""), err
        return yaml.safe_load(out) or {}

    return ask


def test_a_run_repeats_itself(command, folder, tmp_path):
    layers = {"class_path": "mmrec.interest.GRUInterest", "init_args": {"layers": 2}}
    first = ["fit", folder, "--out", tmp_path / "first", *QUICK, "--columns", "who=user_id"]
    status, _, err = command(*first, "--interest", json.dumps(layers), "--seed", 3)
    assert status == 0, err
    file = tmp_path / "first" / "run.yaml"
    assert "out" not in FitConfig.from_yaml(file).places
    status, _, err = command("fit", "--config", file, "--out", tmp_path / "again")
    assert status == 0, err
    for name in ("model.safetensors", "run.yaml"):
        assert (tmp_path / "again" / name).read_bytes() == file.with_name(name).read_bytes()
    config = json.loads((tmp_path / "again" / "config.json").read_text())
    assert config["recipe"]["interest"] == layers
    changed = tmp_path / "changed"
    status, _, err = command("fit", "--config", file, "--out", changed, "--seed", 4)
    assert status == 0, err
    assert (changed / "model.safetensors").read_bytes() != file.with_name(
        "model.safetensors"
    ).read_bytes()


def test_flags_over_the_file_over_defaults(said, tmp_path):
    file, parts = tmp_path / "run.yaml", tmp_path / "parts.yaml"
    file.write_text("dim: 64\nlr: 1e-3\ninterest: sasrec\nloss: bpr\nencoders: {text: a, image: b}")
    parts.write_text("loss: bce\nencoders: {image: c}")
    assert said("--config", file) == {
        "dim": 64,
        "lr": 0.001,
        "interest": "sasrec",
        "loss": "bpr",
        "encoders": {"text": "a", "image": "b"},
    }
    # A flag at its default is stated too.
    flags = ["--dim", 128, "--parts", parts, "--text-encoder", "d", "DATA", "--logger", "csv"]
    assert said("--config", file, *flags) == {
        "data": "DATA",
        "logger": ["csv"],
        "dim": 128,
        "lr": 0.001,
        "interest": "sasrec",
        "loss": "bce",
        "encoders": {"text": "d", "image": "c"},
    }
    assert said() == {}


def test_what_is_printed_can_be_given_back(command, said, tmp_path):
    flags = ["--columns", "a=b", "--targets", "buy, rating >= 4", "--no-time-gap", "--devices", 2]
    status, out, _ = command("fit", "DATA", "--model", "narm", *flags, "--print-config")
    assert status == 0
    (tmp_path / "run.yaml").write_text(out)
    assert command("fit", "--config", tmp_path / "run.yaml", "--print-config")[1] == out
    assert said("--config", tmp_path / "run.yaml") == {
        "data": "DATA",
        "model": "narm",
        "columns": {"a": "b"},
        "targets": ["buy", "rating >= 4"],
        "time_gap": False,
        "devices": 2,
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "fit expects DATA, or data in the file of --config; got neither"),
        (["DATA"], "fit expects --out FOLDER, or out in the file of --config; got neither"),
        (["--config", "no.yaml"], "no configuration at no.yaml"),
        (["--config", "bad.yaml"], "bad.yaml has the unknown key 'epoch'; did you mean 'epochs'?"),
        (["--config", "worse.yaml", "--dim", 3], "worse.yaml: dim must be a whole number"),
        (["--config", "harm.yaml"], "harm.yaml: interest must be a part of mmrec.interest; got os"),
        (["--config", "harm.yaml", "--part", "os.system"], "fit expects DATA"),
        (["--dim", 0], "mmrec: dim must be a whole number from 1 to 65536; got 0"),
    ],
)
def test_one_sentence(command, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text("epoch: 3")
    (tmp_path / "worse.yaml").write_text("dim: x")
    (tmp_path / "harm.yaml").write_text("interest: os.system")
    status, _, err = command("fit", *arguments)
    assert status == 2
    assert words in err
    assert err.count("\n") == 1


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("flag", "shown"), [([], True), (["--no-progress"], False), (["--json"], False)]
)
def test_progress_in_a_terminal(folder, tmp_path, monkeypatch, flag, shown):
    from mmrec.cli import main

    given = [folder, "--out", tmp_path / "run", *QUICK, "--refit", "none", *flag]
    monkeypatch.setattr(sys, "argv", ["mmrec", "fit", "--columns", "who=user_id", *map(str, given)])
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with pytest.raises(SystemExit):
        main()
    assert ("Epoch 1" in out.getvalue() + err.getvalue()) is shown
    if flag == ["--json"]:
        assert "test" in json.loads(out.getvalue().splitlines()[-1])


def test_no_progress_in_a_pipe(command, folder, tmp_path):
    given = ["--columns", "who=user_id", *QUICK, "--refit", "none"]
    _, out, err = command("fit", folder, "--out", tmp_path / "run", *given)
    assert "\r" not in out + err
    assert "Epoch" not in out + err


def test_a_logger_writes_beside_the_run(command, folder, tmp_path):
    given = ["--columns", "who=user_id", *QUICK, "--refit", "none", "--logger", "csv"]
    status, _, err = command("fit", folder, "--out", tmp_path / "run", *given)
    assert status == 0, err
    assert (tmp_path / "run.logs" / "select" / "metrics.csv").is_file()
    again = ["fit", "--config", tmp_path / "run" / "run.yaml", "--out", tmp_path / "again"]
    assert command(*again)[0] == 0
    assert (tmp_path / "again.logs" / "select" / "metrics.csv").is_file()
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("run", "again")]
    assert weights[0] == weights[1]
    status, _, err = command("fit", folder, "--out", tmp_path / "no", *given, "--logger", "tb")
    assert status == 2
    assert "logger must be one of ['csv', 'tensorboard', 'wandb', 'mlflow']" in err


@pytest.fixture
def logged(command, folder, tmp_path, monkeypatch):
    """Return the folder that a logger has written to in a fit with one refit."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def fit(name):
        given = ["--columns", "who=user_id", *QUICK, "--refit", "valid", "--logger", name]
        status, _, err = command("fit", folder, "--out", tmp_path / "run", *given)
        assert status == 0, err
        return tmp_path / "run.logs"

    return fit


@pytest.mark.filterwarnings("default")  # theirs
def test_mlflow_has_a_run_for_each_training(logged):
    client = pytest.importorskip("mlflow").MlflowClient
    found = client(f"sqlite:///{logged('mlflow')}/mlflow.db")
    (experiment,) = [one for one in found.search_experiments() if one.name == "mmrec"]
    runs = {run.info.run_name: run for run in found.search_runs([experiment.experiment_id])}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert runs.keys() == {"run-select", "run-valid"}
    chosen, refit = runs["run-select"], runs["run-valid"]
    assert chosen.data.params["dim"] == "8"
    assert {"valid_ndcg10", "valid_hr10", "train_loss_epoch", "lr"} <= chosen.data.metrics.keys()
    assert len(found.get_metric_history(chosen.info.run_id, "valid_ndcg10")) == 2
    assert "train_loss_epoch" in refit.data.metrics
    assert "valid_ndcg10" not in refit.data.metrics


@pytest.mark.filterwarnings("default")  # theirs
def test_wandb_has_a_run_for_each_training(logged):
    pytest.importorskip("wandb")
    files = list(logged("wandb").glob("wandb/offline-run-*/run-*.wandb"))
    written = [path.read_bytes() for path in files]
    assert len(written) == 2  # each was ended: the second training has a run of its own
    for name, validated in (("run-select", True), ("run-valid", False)):
        (one,) = [text for text in written if name.encode() in text]
        assert b"train_loss_epoch" in one
        assert (b"valid_ndcg@10" in one) is validated
