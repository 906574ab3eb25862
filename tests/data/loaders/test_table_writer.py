from pathlib import Path

import polars as pl
import pytest

from mmrec.data.loaders.lines import FILE, LINE
from mmrec.data.loaders.report import FileCounts
from mmrec.data.loaders.table_writer import TableWriter


def rows(items, values, start=1):
    lines = list(range(start, start + len(items)))
    return pl.DataFrame({"item_id": items, "n": values, FILE: [0] * len(items), LINE: lines})


@pytest.fixture
def counts():
    return FileCounts(Path("file"), 0, read=6)


def test_the_first_row_of_a_key_is_kept(tmp_path, counts):
    writer = TableWriter(tmp_path / "items.parquet", tmp_path / "work", key=["item_id"])
    writer.write(rows(["a", "b"], [1, 2]))
    writer.write(rows(["a", "c", "b", "a"], [1, 3, 9, 1], start=3))
    assert writer.close([counts]) == 3
    assert pl.read_parquet(writer.path).rows() == [("a", 1), ("b", 2), ("c", 3)]
    assert (writer.rows, counts.kept) == (3, 3)
    assert {why: entry.lines for why, entry in counts.dropped.items()} == {
        "duplicate": [3, 6],
        "item_id again": [5],
    }


def test_repeats_are_kept_on_request(tmp_path, counts):
    writer = TableWriter(tmp_path / "e.parquet", tmp_path / "work", keep_repeats=True)
    writer.write(rows(["a", "a", "a"], [1, 1, 2]))
    assert writer.close([counts]) == 1
    assert (writer.rows, counts.dropped) == (3, {})
    assert len(pl.read_parquet(writer.path)) == 3


def test_later_frames_may_lack_columns_but_not_add_some(tmp_path, counts):
    writer = TableWriter(tmp_path / "e.parquet", tmp_path / "work")
    writer.write(rows(["a"], [1]))
    writer.write(rows(["b"], [1]).drop("n"))
    with pytest.raises(ValueError, match=r"expected columns of .* got {'more': Int64}"):
        writer.write(rows(["c"], [1]).with_columns(more=pl.lit(1, pl.Int64)))
    with pytest.raises(ValueError, match=r"got {'item_id': Int64}"):
        writer.write(rows([1], [1]))
    writer.close([counts])
    assert pl.read_parquet(writer.path).rows() == [("a", 1), ("b", None)]
