import shutil

import pytest
import torch

from mmrec.realtime.learning.versions import Version, Versions


def version(name, offset=1):
    return Version(
        name=name,
        base="b",
        offset=offset,
        changes=0,
        metrics={"online": 0.5},
        weights={"w": torch.tensor([1.0, 2.0])},
        vectors=torch.randn(3, 2),
        content=torch.randn(3, 2),
        counts=torch.ones(3),
    )


def test_what_is_published_is_served(tmp_path):
    versions = Versions(tmp_path)
    assert versions.current() is None
    first = version("1")
    versions.publish(first)
    assert versions.current() == "1"
    read = versions.read("1")
    assert torch.equal(read.vectors, first.vectors)
    assert torch.equal(read.weights["w"], first.weights["w"])
    assert (read.base, read.offset, read.metrics) == ("b", 1, {"online": 0.5})


def test_rollback(tmp_path):
    versions = Versions(tmp_path)
    for name in "123":
        versions.publish(version(name))
    versions.rollback("1")
    assert versions.current() == "1"
    versions.rollback(None)
    assert versions.current() is None
    with pytest.raises(ValueError, match=r"one of \['1', '2', '3'\]; got '9'"):
        versions.rollback("9")


def test_a_rollback_holds_until_it_is_released(tmp_path):
    versions = Versions(tmp_path, keep=2)
    for name in "12":
        versions.publish(version(name))
    versions.rollback("1")
    for name in "34":
        versions.publish(version(name))
    assert versions.current() == "1"
    assert versions.names() == ["1", "3", "4"]  # the one that is served stays
    assert versions.read("1").name == "1"
    versions.release()
    versions.release()
    assert versions.current() == "4"


def test_what_was_published_last_stays_whatever_its_name(tmp_path):
    versions = Versions(tmp_path, keep=2)
    for name in "23":
        versions.publish(version(name))
    versions.rollback("3")
    versions.publish(version("1"))  # of a log that began again
    versions.release()
    assert versions.current() == "1"
    assert versions.names() == ["3", "1"]
    assert versions.read("1").name == "1"


def test_a_version_that_goes_while_it_is_pinned(tmp_path, monkeypatch):
    versions = Versions(tmp_path)
    for name in "12":
        versions.publish(version(name))
    pin = versions._name

    def late(file, name):
        pin(file, name)
        shutil.rmtree(tmp_path / "1", ignore_errors=True)

    monkeypatch.setattr(versions, "_name", late)
    with pytest.raises(ValueError, match=r"one of \['2'\]; got '1'"):
        versions.rollback("1")
    assert versions.current() == "2"


def test_the_offset_of_what_was_published_last(tmp_path):
    versions = Versions(tmp_path)
    assert versions.last_offset("b") == 0
    versions.publish(version("1", offset=7))
    versions.rollback(None)
    assert versions.last_offset("b") == 7
    assert versions.last_offset("another") == 0


def test_a_version_is_never_written_over(tmp_path):
    versions = Versions(tmp_path)
    assert [versions.publish(version("1", offset)) for offset in (1, 2, 3)] == ["1", "1-2", "1-3"]
    assert [versions.read(name).offset for name in versions.names()] == [1, 2, 3]
    assert versions.current() == "1-3"


def test_old_versions_go_but_the_served_one_stays(tmp_path):
    versions = Versions(tmp_path, keep=2)
    for name in "123":
        versions.publish(version(name))
    assert versions.names() == ["2", "3"]
    with pytest.raises(ValueError, match="keep of 1 or more; got 0"):
        Versions(tmp_path, keep=0)


def test_a_failed_write_leaves_what_was(tmp_path, monkeypatch):
    versions = Versions(tmp_path)
    versions.publish(version("1"))

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("mmrec.realtime.learning.versions.save_file", full)
    with pytest.raises(OSError, match=r"version 2 can't be written to .*2: no space"):
        versions.publish(version("2"))
    assert versions.current() == "1"
    assert [path.name for path in tmp_path.iterdir() if "2" in path.name] == []


def test_damaged(tmp_path):
    versions = Versions(tmp_path)
    versions.publish(version("1"))
    (tmp_path / "1" / "version.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="damaged"):
        versions.read("1")
