import pytest
import torch

from mmrec.realtime.learning.checkpoint import Checkpoint


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "last")


def number(checkpoint):
    tensors, values = checkpoint.read()
    assert tensors["n"].item() == values["n"]
    return values["n"]


def write(checkpoint, n):
    checkpoint.write({"n": torch.tensor(n), "turned": torch.ones(2, 3).T}, {"n": n})


def test_the_last_one_is_read(checkpoint, tmp_path):
    assert checkpoint.read() is None
    for n in range(3):
        write(checkpoint, n)
        assert number(checkpoint) == n
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_kill_between_the_renames_leaves_the_earlier_one(checkpoint, tmp_path):
    write(checkpoint, 1)
    (tmp_path / "last").rename(tmp_path / ".last.old")
    assert number(checkpoint) == 1
    write(checkpoint, 2)
    assert number(checkpoint) == 2


def test_a_checkpoint_that_is_cut_off_is_not_read(checkpoint, tmp_path):
    write(checkpoint, 1)
    (tmp_path / ".last.new").mkdir()
    (tmp_path / ".last.new" / "state").write_bytes(b"half")
    assert number(checkpoint) == 1
    write(checkpoint, 2)
    assert number(checkpoint) == 2


def test_a_damaged_one_is_named(checkpoint, tmp_path):
    write(checkpoint, 1)
    (tmp_path / "last" / "state").write_bytes(b"half")
    with pytest.raises(ValueError, match=r"last is damaged"):
        checkpoint.read()
