import errno
import os

import pytest

from mmrec.cli.places import about_replaced, default_log, forget_start, writing


@pytest.mark.parametrize("below", [".", "a/b"])
def test_what_could_not_be_written_is_said(tmp_path, below):
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "cache"
    with (
        pytest.raises(OSError, match=f"^features can't be written to {place}: Not a directory$"),
        writing({"checkpoints": tmp_path / "other", "features": place}),
    ):
        (place / below).mkdir(parents=True)


def test_a_folder_above_counts(tmp_path):
    error = PermissionError(errno.EACCES, "Permission denied", str(tmp_path))
    with (
        pytest.raises(OSError, match=r"^x can't be written to .*: Permission denied$"),
        writing({"x": tmp_path / "deep" / "er"}),
    ):
        raise error


def test_other_errors_pass(tmp_path):
    for error in (
        FileNotFoundError(errno.ENOENT, "No such file", str(tmp_path / "data")),
        FileExistsError("something else is there"),
    ):
        with pytest.raises(type(error)) as caught, writing({"x": tmp_path / "cache"}):
            raise error
        assert caught.value is error


def test_a_start_without_a_checkpoint_is_forgotten(tmp_path):
    folder = tmp_path / "run.training"
    forget_start(folder)
    folder.mkdir()
    (folder / "training.json").write_text("{}")
    (folder / "mine.txt").write_text("")
    forget_start(folder)
    assert len(list(folder.iterdir())) == 2
    (folder / "mine.txt").rename(folder / "epoch-00001.ckpt")
    forget_start(folder)
    assert len(list(folder.iterdir())) == 2
    (folder / "epoch-00001.ckpt").unlink()
    forget_start(folder)
    assert not folder.exists()


def test_a_run_that_is_replaced_is_said_and_that_a_server_has_it(tmp_path):
    out = tmp_path / "RUN"
    assert about_replaced(out) == ""
    out.mkdir()
    assert about_replaced(out) == ""
    (out / "config.json").write_text("{}")
    os.utime(out / "config.json", (1e9, 1e9))
    said = ", in place of the one of 2001-09-09T01:46:40Z"
    assert about_replaced(out) == said
    default_log(out).touch()
    assert about_replaced(out) == f"{said}; a server that runs has that one until it is restarted"
