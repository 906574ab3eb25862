import errno
import os

import pytest

from mmrec.data.durable import flush, write_whole


def test_it_writes_and_replaces(tmp_path):
    path = tmp_path / "note"
    for content in (b"one", memoryview(b"two")):
        write_whole(path, content)
        assert path.read_bytes() == bytes(content)
    assert list(tmp_path.iterdir()) == [path]
    flush(path)
    flush(tmp_path)


def test_a_failed_writing_changes_nothing(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "note"
    write_whole(path, b"one")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]
