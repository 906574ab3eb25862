"""A training in a process of its own is killed, and goes on."""

import os
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals")

# Slow enough to be hit: an epoch takes a third of a second more.
SLOW = """
import time
from lightning import LightningModule
LightningModule.on_train_epoch_start = lambda self: time.sleep(0.3)
"""


QUICK = ["--dim", "16", "--batch-size", "8", "--max-length", "6", "--modalities", "id"]
QUICK += ["--negatives", "full", "--devices", "1", "--lr", "0.02", "--reranker", "mlp"]


@pytest.fixture
def arguments(chain, tmp_path):
    """Return the arguments of a fit on a folder of data."""
    data = tmp_path / "data"
    data.mkdir()
    events, items = chain(users=20, steps=10)
    pl.DataFrame(events).write_csv(data / "interactions.csv")
    pl.DataFrame(items).drop("image").write_csv(data / "items.csv")

    def of(*more, out="run", epochs=4):
        return ["fit", data, "--out", tmp_path / out, *QUICK, "--epochs", epochs, *more]

    return of


@pytest.fixture
def start(arguments):
    """Start a fit in a process of its own."""

    def begin(**how):
        # A shell that starts a job in the background makes it and its children deaf to Ctrl-C.
        hear = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
        script = f"{hear}\n{SLOW}\nfrom mmrec.cli import main; main()"
        environment = {k: v for k, v in os.environ.items() if k != "JAXTYPING_DISABLE"}
        return subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments(**how))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | {"OMP_NUM_THREADS": "1"},
        )

    return begin


def wait_for(path, started, seconds=60):
    until = time.monotonic() + seconds
    while not path.exists():
        assert started.poll() is None, started.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


def test_killed_and_resumed_gives_the_same_bytes(start, command, arguments, tmp_path):
    killed = start()
    wait_for(tmp_path / "run.training" / "epoch-00002.ckpt", killed)
    time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "run").exists()
    status, out, err = command(*arguments("--resume"))
    assert status == 0, err
    assert "training continues after epoch" in err
    assert "no checkpoint" not in out
    status, out, err = command(*arguments("--resume", out="whole"))
    assert "note: --resume found no checkpoint, so this training started from the" in out
    assert status == 0, err
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "run")]
    assert models[0] == models[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "run", "whole"]


def test_ctrl_c_is_said_and_can_be_resumed(start, tmp_path):
    stopped = start(epochs=1000)
    wait_for(tmp_path / "run.training" / "epoch-00001.ckpt", stopped)
    stopped.send_signal(signal.SIGINT)
    _, err = stopped.communicate(timeout=60)
    assert stopped.returncode == 130
    assert err.endswith("\nmmrec: stopped; the same command with --resume continues\n")
    assert "Traceback" not in err
    assert (tmp_path / "run.training" / "epoch-00001.ckpt").exists()
    assert not (tmp_path / "run").exists()
