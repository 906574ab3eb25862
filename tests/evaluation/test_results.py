import json

import polars as pl
import pytest

from mmrec.evaluation.results import Result, by_recipe, check_comparable, read_result

TARGETS = pl.DataFrame(
    {
        "user_id": ["u", "v"],
        "item_id": ["a", "b"],
        "position": [7, 3],
        "rank": [1, 2],
        "history": [0, 4],
        "warm": [True, False],
    }
)


def result(name="run", split="s", protocol="p", targets=None, **options):
    report = {"fingerprint": split, "protocol": {"fingerprint": protocol}}
    return Result(name, report, {"seed": 0, **options}, targets)


def written(folder, report=None, options=None, targets=TARGETS):
    folder.mkdir()
    (folder / "report.json").write_text(json.dumps(report or {"seed": 4}))
    if options is not None:
        config = {"options": {"model": options}, "recipe": {"interest": "gru4rec"}}
        (folder / "config.json").write_text(json.dumps(config))
    if targets is not None:
        targets.write_parquet(folder / "targets.parquet")
    return folder


def test_a_run_is_read_without_its_model(tmp_path):
    run = read_result(written(tmp_path / "run", options={"seed": 3, "dim": 8}))
    assert (run.seed, run.recipe, run.report) == (3, {"dim": 8, "interest": "gru4rec"}, {"seed": 4})
    assert run.name == str(tmp_path / "run")
    assert run.targets.equals(TARGETS.sort("position"))
    bare = read_result(written(tmp_path / "bare", targets=None))
    assert (bare.seed, bare.recipe, bare.targets) == (4, {}, None)


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no RUN at .*nothing"):
        read_result(tmp_path / "nothing")
    run = written(tmp_path / "run")
    (run / "targets.parquet").write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"targets.parquet is damaged"):
        read_result(run)
    TARGETS.drop("rank").write_parquet(run / "targets.parquet")
    with pytest.raises(ValueError, match=r"got a table without \['rank'\]"):
        read_result(run)
    TARGETS.write_parquet(run / "targets.parquet")
    (run / "report.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"report.json must hold a JSON object; got list"):
        read_result(run)
    (run / "report.json").write_text("{")
    with pytest.raises(ValueError, match=r"report.json is damaged"):
        read_result(run)


def test_comparable_results():
    check_comparable([result("a")])
    check_comparable([result("a"), result("b", dim=8), result("c", seed=1)])
    check_comparable([result("a", targets=TARGETS), result("b", dim=8)])
    check_comparable([result("a", targets=TARGETS), result("b", dim=8, targets=TARGETS)])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (result("b", split="t", dim=8), r"same split .*; got s for a and t for b"),
        (result("b", protocol="q", dim=8), r"same protocol .*; got p for a and q for b"),
        (result("b"), r"differ in an option or in the seed; got the same for a and b"),
        (
            result("b", dim=8, targets=TARGETS.with_columns(user_id=pl.Series(["v", "u"]))),
            r"same test events; got different ones for a and b",
        ),
        (result("b", dim=8, targets=TARGETS.head(1)), r"same test events"),
    ],
)
def test_what_differs_is_refused(other, words):
    with pytest.raises(ValueError, match=words):
        check_comparable([result("a", targets=TARGETS), result("c", lr=1.0), other])


def test_names_have_the_options_that_differ():
    ids, both = ["id"], ["id", "text"]
    runs = [
        result("a", modalities=ids, dim=8, max_length=5),
        result("b", modalities=both, dim=8, max_length=5),
        result("c", modalities=ids, dim=8, max_length=5, seed=1),
        result("d", modalities=ids, dim=8, max_length=9),
    ]
    names = {name: [run.name for run in group] for name, group in by_recipe(runs).items()}
    assert names == {
        "id, max length 5": ["a", "c"],
        "id + text, max length 5": ["b"],
        "id, max length 9": ["d"],
    }


def test_a_run_too_old_for_an_option_is_one_without_it():
    old, new, big = (
        result("old", dim=8),
        result("new", dim=8, epsilon=None, seed=1),
        result("big", dim=16),
    )
    groups = {
        name: [run.name for run in group] for name, group in by_recipe([old, new, big]).items()
    }
    assert groups == {"dim 8": ["old", "new"], "dim 16": ["big"]}


def test_equal_names_are_replaced_by_folders():
    groups = by_recipe([result("a", lr=1, dim=8), result("b", lr="1", dim=8)])
    assert list(groups) == ["a", "b"]


def test_where_nothing_or_too_much_differs_a_folder_names_the_group():
    assert list(by_recipe([result("a", dim=8), result("b", dim=8, seed=1)])) == ["a"]
    far = [result("a", x=1, y=1, z=1, w=1), result("b", x=2, y=2, z=2, w=2)]
    assert list(by_recipe(far)) == ["a", "b"]
