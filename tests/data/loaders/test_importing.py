import json
import os

import pytest

from mmrec.data.loaders import LAYOUTS, import_folder

FIXTURES = {
    "ml-1m": "ml_1m",
    "ml-32m": "ml_32m",
    "amazon-2023": "amazon",
    "mind": "mind",
    "microlens": "microlens",
    "hm": "hm",
    "yelp": "yelp",
    "jsonl": "named",
}


def test_every_layout_is_tested():
    assert set(FIXTURES) == set(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_result_is_a_folder_that_is_read(layout, request, load, tmp_path):
    report, events, items, _, dataset = load(layout, request.getfixturevalue(FIXTURES[layout]))
    assert len(dataset.interactions) == len(events) == report.totals["events"]
    assert len(dataset.catalog) == len(items) == report.totals["items"]
    assert not [name for name in events.columns + items.columns if name.startswith("__")]
    assert json.loads((tmp_path / "data" / "import.json").read_text()) == report.to_dict()
    assert {path.name for path in (tmp_path / "data").iterdir()} <= {
        *("interactions.parquet", "items.parquet", "users.parquet", "import.json", "images")
    }
    assert not list(tmp_path.glob(".data*"))
    if os.name == "posix":
        assert (tmp_path / "data" / "interactions.parquet").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_strict_refuses_and_writes_nothing(layout, request, load, tmp_path):
    source = request.getfixturevalue(FIXTURES[layout])
    with pytest.raises(ValueError, match=r"line \d+: "):
        load(layout, source, strict=True)
    assert not (tmp_path / "data").exists()
    assert not list(tmp_path.glob(".data*"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_missing_files_are_all_named(layout, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "photos.zip").touch()
    with pytest.raises(FileNotFoundError, match=r"lacks .* it holds photos\.zip"):
        import_folder(layout, tmp_path / "empty", tmp_path / "data")
    with pytest.raises(FileNotFoundError, match="no folder of a data set"):
        import_folder(layout, tmp_path / "nowhere", tmp_path / "data")


def test_an_earlier_result_is_replaced_and_anything_else_refused(named, load, tmp_path):
    load("jsonl", named)
    (tmp_path / "data" / "images").mkdir()
    (tmp_path / "data" / "images" / "a.jpg").write_bytes(b"fetched")
    load("jsonl", named)
    assert (tmp_path / "data" / "images" / "a.jpg").read_bytes() == b"fetched"
    (tmp_path / "data" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="something other than the result of an import"):
        load("jsonl", named)
    assert (tmp_path / "data" / "notes.txt").read_text() == "mine"
    with pytest.raises(FileExistsError, match="something other than the result of an import"):
        import_folder("jsonl", named, named)


def test_a_source_in_the_target_is_refused(named, load, tmp_path):
    load("jsonl", named)
    named.rename(tmp_path / "data" / "images")
    with pytest.raises(FileExistsError, match="lies in"):
        import_folder("jsonl", tmp_path / "data" / "images", tmp_path / "data")


def test_unknown_layout_and_no_event(named, tmp_path):
    with pytest.raises(ValueError, match=r"layout must be one of ml-1m, .*; got 'ml-2m'"):
        import_folder("ml-2m", named, tmp_path / "data")
    (named / "events.jsonl").write_text('{"user_id": null, "item_id": 1, "timestamp": 1}\n')
    with pytest.raises(ValueError, match="user_id"):
        import_folder("jsonl", named, tmp_path / "data")
