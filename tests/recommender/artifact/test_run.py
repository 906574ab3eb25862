import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors import SafetensorError

from mmrec.recommender.artifact import run as runs
from mmrec.recommender.artifact.run import (
    FILES,
    Run,
    RunError,
    check_place,
    read_run,
    with_columns,
    write_run,
)


@pytest.fixture
def made():
    items = with_columns(
        pl.DataFrame({"item_id": ["007", "b"], "year": [1995, None]}),
        torch.cat([torch.zeros(1, 3), torch.randn(2, 3)]),
        torch.tensor([0, 5, 0]),
        np.array([0, 1, 0]),
    )
    return Run(
        config={"options": {"dim": 3}, "note": "Ünïcode"},
        weights={"a.weight": torch.randn(2, 3), "b": torch.randn(4, 3, 2, 2).transpose(0, 1)},
        items=items,
        report={"test": {"ndcg@10": 0.5}},
    )


def test_round_trip(made, tmp_path):
    write_run(made, tmp_path / "some" / "run")
    again = read_run(tmp_path / "some" / "run")
    assert again.config == made.config
    assert again.report == made.report
    assert again.items.equals(made.items)
    for name in made.weights:
        assert torch.equal(again.weights[name], made.weights[name])
    assert torch.equal(again.vectors, made.vectors)
    assert again.counts.tolist() == made.counts.tolist()
    assert again.slots.tolist() == made.slots.tolist()


def test_a_run_is_four_files_without_code(made, tmp_path):
    write_run(made, tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted(FILES)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    for path in (tmp_path / "run").iterdir():
        whole = path.read_bytes()
        if path.suffix == ".json":
            assert json.loads(whole)
        elif path.suffix == ".parquet":
            assert whole[:4] == whole[-4:] == b"PAR1"
        else:  # safetensors: the length of a JSON header, the header, and numbers
            assert json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])


TARGETS = pl.DataFrame({"user_id": ["u", "v"], "position": [4, 9], "rank": [1, 3]})


def test_the_ranks_of_targets_are_a_fifth_file(made, tmp_path):
    made.targets = TARGETS
    write_run(made, tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {*FILES, runs.TARGETS}
    assert read_run(tmp_path / "run").targets.equals(TARGETS)
    made.targets = None
    write_run(made, tmp_path / "run")  # an older one with five files is replaced too
    assert read_run(tmp_path / "run").targets is None
    (tmp_path / "run" / runs.TARGETS).write_bytes(b"junk")
    with pytest.raises(RunError, match=r"is damaged: targets.parquet is not the file"):
        read_run(tmp_path / "run")


def test_a_newer_run_replaces_an_older_one_only(made, tmp_path):
    write_run(made, tmp_path / "run")
    made.report = {"second": True}
    write_run(made, tmp_path / "run")
    assert read_run(tmp_path / "run").report == {"second": True}
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds something other than a RUN"):
        write_run(made, tmp_path / "run")
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("what", "error"),
    [
        (
            "mmrec.recommender.artifact.run.save_file",
            SafetensorError("I/O error: No space left on device"),
        ),
        ("polars.DataFrame.write_parquet", pl.exceptions.ComputeError("No space left on device")),
        ("mmrec.data.durable.flush", OSError(28, "No space left on device")),
    ],
)
def test_a_full_disk_leaves_the_older_run(made, tmp_path, monkeypatch, what, error):
    def full(*arguments, **options):
        raise error

    write_run(made, tmp_path / "run")
    made.report = {"second": True}
    monkeypatch.setattr(what, full)
    with pytest.raises(OSError, match=r"the RUN can't be written to .*run: .*No space left"):
        write_run(made, tmp_path / "run")
    assert read_run(tmp_path / "run").report != {"second": True}
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_kill_between_two_runs_loses_neither(made, tmp_path, monkeypatch):
    run, rename = tmp_path / "run", Path.rename

    def killed(self, target):
        if self.name == ".run.new":
            raise KeyboardInterrupt
        return rename(self, target)

    write_run(made, run)
    first, made.report = made.report, {"second": True}
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            write_run(made, run)
    assert not run.exists()
    assert read_run(run).report == first
    with monkeypatch.context() as patch:
        patch.setattr("mmrec.data.durable.flush", full)
        with pytest.raises(OSError, match="No space left"):
            write_run(made, run)
    assert read_run(run).report == first
    write_run(made, run)
    assert read_run(run).report == {"second": True}
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def full(*arguments):
    raise OSError(28, "No space left on device")


def test_other_places(made, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match="file is a file; choose a folder"):
        write_run(made, tmp_path / "file")
    (tmp_path / "other").mkdir()
    check_place(tmp_path / "other")  # an empty folder will do
    check_place(tmp_path / "new")
    (tmp_path / "other" / "config.json").write_text("{}")
    with pytest.raises(FileExistsError, match="something other than a RUN"):
        check_place(tmp_path / "other")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_run(made, Path())
    assert read_run(tmp_path / "here").report == made.report


@pytest.mark.parametrize("older", [False, True])
def test_a_failure_leaves_what_was_there(made, tmp_path, monkeypatch, older):
    if older:
        write_run(made, tmp_path / "run")
    made.report = {"second": True}

    def fail(*args, **options):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_parquet", fail)
        with pytest.raises(OSError, match="no space left"):
            write_run(made, tmp_path / "run")
    assert (tmp_path / "run").exists() == older
    if older:
        assert read_run(tmp_path / "run").report == {"test": {"ndcg@10": 0.5}}
    write_run(made, tmp_path / "run")  # what was left half written is in nobody's way
    assert read_run(tmp_path / "run").report == {"second": True}
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_no_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="no RUN at"):
        read_run(tmp_path / "nowhere")


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_missing(made, tmp_path, name):
    write_run(made, tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(RunError, match=rf"to be a RUN; it lacks \['{name}'\]"):
        read_run(tmp_path)


@pytest.mark.parametrize("name", [*FILES, runs.TARGETS, runs.CONTRIBUTIONS])
@pytest.mark.parametrize("junk", ["cut", "empty", "noise"])
@pytest.mark.parametrize("older", [False, True])
def test_a_file_is_damaged(made, tmp_path, name, junk, older, forget_hashes):
    made.targets, made.contributions = TARGETS, {"text": torch.zeros(3, 3)}
    write_run(made, tmp_path)
    if older:
        forget_hashes(tmp_path)
    whole = (tmp_path / name).read_bytes()
    damaged = {"cut": whole[: len(whole) // 2], "empty": b"", "noise": b"\x80\x04junk\xff" * 9}
    (tmp_path / name).write_bytes(damaged[junk])
    with pytest.raises(RunError, match="is damaged: ") as error:
        read_run(tmp_path)
    assert "\n" not in str(error.value)
    assert name in str(error.value)


@pytest.mark.parametrize("name", ["model.safetensors", "items.parquet", "report.json"])
def test_files_of_two_runs_are_not_mixed(made, tmp_path, name):
    write_run(made, tmp_path / "a")
    made.weights = {key: value + 1 for key, value in made.weights.items()}
    made.items, made.report = made.items.with_columns(year=pl.lit(2000)), {"second": True}
    write_run(made, tmp_path / "b")
    (tmp_path / "a" / name).write_bytes((tmp_path / "b" / name).read_bytes())
    with pytest.raises(RunError, match=f"a is damaged: {name} is not the file .*; copy the folder"):
        read_run(tmp_path / "a")


@pytest.mark.parametrize("name", [runs.TARGETS, runs.CONTRIBUTIONS])
def test_what_a_run_can_do_without_can_be_removed(made, tmp_path, name):
    made.targets, made.contributions = TARGETS, {"text": torch.zeros(3, 3)}
    write_run(made, tmp_path)
    (tmp_path / name).write_bytes(b"junk")
    with pytest.raises(RunError, match=f"{name} is not the file .*; copy it again, or remove it"):
        read_run(tmp_path)
    (tmp_path / name).unlink()
    again = read_run(tmp_path)
    assert (again.targets is None) == (name == runs.TARGETS)
    assert (again.contributions == {}) == (name == runs.CONTRIBUTIONS)


def test_a_run_without_hashes_is_refused(made, tmp_path):
    write_run(made, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for hashes in ({}, {"sha256": 7}):
        changed = {name: value for name, value in config.items() if name != "sha256"} | hashes
        (tmp_path / "config.json").write_text(json.dumps(changed))
        with pytest.raises(RunError, match=r"is damaged: sha256 of its config\.json is"):
            read_run(tmp_path)


def test_a_run_that_is_written_again_has_hashes_of_its_own(made, tmp_path):
    write_run(made, tmp_path / "a")
    again = read_run(tmp_path / "a")
    again.report = {"second": True}
    write_run(again, tmp_path / "b")
    assert read_run(tmp_path / "b").report == {"second": True}


def test_another_version(made, tmp_path):
    write_run(made, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"format": 99}))
    with pytest.raises(RunError, match="must be a RUN of format 7; it is of format 99"):
        read_run(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"format": "1"}))
    with pytest.raises(RunError, match="must be a RUN of format 7; it is of format '1'"):
        read_run(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RunError, match="it is of format None"):
        read_run(tmp_path)
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(RunError, match="must hold a JSON object; got list"):
        read_run(tmp_path)


def test_a_table_without_its_columns(made, tmp_path, forget_hashes):
    write_run(made, tmp_path)
    forget_hashes(tmp_path)
    made.items.drop("mmrec_vector").write_parquet(tmp_path / "items.parquet")
    with pytest.raises(RunError, match=r"is damaged: .*mmrec_vector"):
        read_run(tmp_path)
