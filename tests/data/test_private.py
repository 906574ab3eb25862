import pytest

from mmrec.data.private import private_file


def test_only_the_owner_can_read_it(tmp_path):
    path = tmp_path / "lists"
    path.write_text("old")
    path.chmod(0o644)
    with private_file(path) as file:
        file.write(b"new")
        [fresh] = [other for other in tmp_path.iterdir() if other != path]
        assert fresh.stat().st_mode & 0o777 == 0o600
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "lists"
    path.write_text("old")

    def fail():
        with private_file(path) as file:
            file.write(b"new")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [other.read_text() for other in tmp_path.iterdir()] == ["old"]
    with pytest.raises(IsADirectoryError, match="must be a file"), private_file(tmp_path):
        pass
