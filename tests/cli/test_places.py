import errno

import pytest

from mmrec.cli.places import forget_start, writing


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
