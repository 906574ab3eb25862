import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from safetensors import SafetensorError

from mmrec.data.durable import atomic_folder, flush, whole_folder, write_whole


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


def test_several_writers_of_one_file(tmp_path):
    path = tmp_path / "note"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: write_whole(path, b"one", unique=True), range(20)))
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def write(folder, text, **options):
    with atomic_folder(folder, **options) as fresh:
        (fresh / "inner").mkdir()
        (fresh / "inner" / "note").write_text(text)


def read(folder):
    return (whole_folder(folder) / "inner" / "note").read_text()


def fail(folder, error, **options):
    with atomic_folder(folder, replace=True, **options) as fresh:
        (fresh / "half").write_text("two")
        raise error


def test_a_folder_appears_and_is_replaced(tmp_path):
    folder = tmp_path / "some" / "folder"
    write(folder, "one")
    with pytest.raises(FileExistsError, match="folder must be a new or empty folder"):
        write(folder, "two")
    assert read(folder) == "one"
    write(folder, "two", replace=True)
    assert read(folder) == "two"
    assert list(folder.parent.iterdir()) == [folder]
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", "one")
    assert read(tmp_path / "empty") == "one"


@pytest.mark.parametrize("replace", [False, True])
def test_only_folders_that_can_be_renamed(tmp_path, replace):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match="file must be a new or empty folder"):
        write(tmp_path / "file", "one", replace=replace)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_mount_point_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "is_mount", lambda path: True)
    with pytest.raises(OSError, match="is a mount point"):
        write(tmp_path, "one")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("I/O error: No space left on device"),
        pl.exceptions.ComputeError("No space left on device"),
    ],
)
def test_a_full_disk_leaves_the_older_folder(tmp_path, error):
    folder = tmp_path / "folder"
    write(folder, "one")
    message = r"the notes can't be written to .*folder: .*No space left"
    with pytest.raises(OSError, match=message):
        fail(folder, error, what="the notes")
    with pytest.raises(type(error)):
        fail(folder, error)
    assert read(folder) == "one"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_full_disk_is_found_when_files_are_flushed(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "folder", "one")
    assert list(tmp_path.iterdir()) == []


def test_another_error_stays_what_it_is(tmp_path):
    with pytest.raises(KeyError):
        fail(tmp_path / "folder", KeyError("name"), what="the notes")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["folder", ".hidden"])
def test_a_kill_between_two_renames_loses_neither(tmp_path, monkeypatch, name):
    folder, rename = tmp_path / name, Path.rename

    def killed(self, target):
        if self.name.endswith(".new"):
            raise KeyboardInterrupt
        return rename(self, target)

    write(folder, "one", replace=True)
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", killed)
            with pytest.raises(KeyboardInterrupt):
                write(folder, "two", replace=True)
        assert not folder.exists()
        assert read(folder) == "one"
    write(folder, "three", replace=True)
    assert read(folder) == "three"
    assert list(tmp_path.iterdir()) == [folder]


def test_what_a_kill_left_half_written_is_removed(tmp_path):
    (tmp_path / ".folder.new").mkdir()
    (tmp_path / ".folder.new" / "half").write_text("old")
    write(tmp_path / "folder", "one")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["inner"]
