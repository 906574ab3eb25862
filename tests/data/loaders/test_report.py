from pathlib import Path

import pytest

from mmrec.data.loaders.report import FileCounts, ImportReport


def test_lines_count_once_and_the_first_are_named():
    counts = FileCounts(Path("a"), 0, read=100)
    counts.drop("duplicate", [9, 9, 3], fault=False)
    counts.drop("duplicate", range(20, 40), fault=False)
    counts.drop("blank", [], fault=False)
    assert list(counts.dropped) == ["duplicate"]
    assert counts.dropped["duplicate"].count == 22
    assert counts.dropped["duplicate"].lines == [3, 9, 20, 21, 22]
    assert counts.kept == 78


def test_strict_refuses_faults_alone():
    counts = FileCounts(Path("a.csv"), 0, strict=True)
    counts.drop("duplicate", [1], fault=False)
    with pytest.raises(ValueError, match=r"a\.csv, line 4: expected 2 fields"):
        counts.drop("expected 2 fields", [5, 4])


def test_everything_is_said():
    report = ImportReport("hm", Path("src"), unread=["README"])
    file = report.open(Path("src/sales.csv"))
    file.read = 3000
    file.drop("no user_id", range(1, 8))
    report.totals["events"] = 2993
    report.note("items without events", 4)
    report.note("items without events", 1)
    report.note("nothing", 0)
    table = report.table()
    for words in (
        "sales.csv",
        "3,000",
        "2,993 events",
        "items without events: 5",
        "7 lines: no user_id (lines 1, 2, 3, 4, 5, …)",
        "not read: README",
    ):
        assert words in table
    assert report.reasons() == "; sales.csv: 7 lines: no user_id (lines 1, 2, 3, 4, 5, …)"
    assert report.to_dict()["files"]["sales.csv"] == {
        "lines": 3000,
        "kept": 2993,
        "dropped": {"no user_id": {"count": 7, "first_lines": [1, 2, 3, 4, 5]}},
    }
