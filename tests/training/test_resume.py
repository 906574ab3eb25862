# ruff: noqa: NPY002  the global generator is what is tested
import random

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from mmrec.training import MONITOR, AtomicCheckpointIO, Checkpoints, MovingAverage, checkpoint_files
from mmrec.training.resume import STATE, kept, random_state, set_random_state


@pytest.fixture
def train(split, fit):
    """Train for some epochs with the given callbacks."""

    def run(*callbacks, **options):
        trained = {"enable_checkpointing": True, "callbacks": list(callbacks)}
        trained["plugins"] = [AtomicCheckpointIO()]
        return fit(split(users=12), trained=trained, **options)

    return run


def draws():
    return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()


def test_random_numbers_go_on():
    random.gauss(0, 1)  # leaves a second draw behind
    np.random.randn()
    state = random_state()
    first = draws(), random.gauss(0, 1), np.random.randn()
    set_random_state(state)
    assert (draws(), random.gauss(0, 1), np.random.randn()) == first
    assert draws() != first[0]


def test_a_random_state_is_plain(tmp_path):
    torch.save(random_state(), tmp_path / "state")
    first = draws()
    set_random_state(torch.load(tmp_path / "state", weights_only=True))
    assert draws() == first


@pytest.mark.parametrize("ema", [0.0, 0.5])
def test_it_keeps_what_lightning_would_keep(train, tmp_path, ema):
    average = [MovingAverage(ema)] if ema else []
    best = ModelCheckpoint(tmp_path / "best", monitor=MONITOR, mode="max")
    mine = Checkpoints()
    train(*average, best, mine, epochs=5, lr=0.3)
    expected = torch.load(best.best_model_path, weights_only=True)["state_dict"]
    assert mine.best.keys() == expected.keys()
    assert all(torch.equal(mine.best[name], value) for name, value in expected.items())
    assert max(mine.curve) == pytest.approx(float(best.best_model_score))
    assert len(mine.curve) == 5
    assert mine.ended


def test_without_a_folder_it_writes_nothing(train, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(Checkpoints())
    assert list(tmp_path.iterdir()) == []
    assert kept(None) == "no epoch before is kept"


def test_the_folder_holds_the_last_two(train, tmp_path):
    train(Checkpoints(tmp_path), epochs=3)
    assert [path.name for path in checkpoint_files(tmp_path)] == [
        "epoch-00003.ckpt",
        "epoch-00002.ckpt",
    ]
    assert len(list(tmp_path.iterdir())) == 2
    last, before = (torch.load(p, weights_only=True)[STATE] for p in checkpoint_files(tmp_path))
    assert last["curve"][:2] == before["curve"]
    assert (last["ended"], before["ended"]) == (True, False)
    assert kept(tmp_path) == f"resume goes on after epoch 3, kept in {tmp_path}"


def test_a_failed_checkpoint_leaves_those_before(train, tmp_path, monkeypatch):
    write = AtomicCheckpointIO.save_checkpoint

    def full(self, checkpoint, path, storage_options=None):
        if "00003" in str(path):
            raise OSError(28, "No space left on device")
        write(self, checkpoint, path, storage_options)

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", full)
    with pytest.raises(OSError, match=r"epoch 3 can't .* No space left .* on after epoch 2"):
        train(Checkpoints(tmp_path), epochs=4)
    assert [path.stem for path in checkpoint_files(tmp_path)] == ["epoch-00002", "epoch-00001"]
