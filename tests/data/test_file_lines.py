import gzip

import polars as pl
import pytest

from mmrec.data import Interactions, read_folder
from mmrec.data.file_lines import files_noted, lines_of, note_file
from mmrec.recommender.check import check_folder

ITEMS = "item_id\ttitle\n7\t'a'\n\n8\t\"two\nlines\"\n\t\n8\tlast\n"


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        ("items.csv", ITEMS.replace("\t", ","), [2, 4, 7]),
        ("items.tsv", ITEMS, [2, 4, 7]),
        ("items.csv.gz", ITEMS.replace("\t", ","), [2, 4, 7]),
        ("items.jsonl", '{"item_id": 7}\n\n{"item_id": 8}\n{"item_id": 8}\n', [1, 3, 4]),
    ],
)
def test_lines_are_those_of_an_editor(tmp_path, name, content, lines):
    """Empty lines and rows without a value are none of the table; a value may have two lines."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if "gz" in name else content.encode())
    (tmp_path / "interactions.csv").write_text("user_id,item_id,position\nu,7,1\n")
    with pytest.raises(ValueError, match=rf"in lines \[{lines[1]}, {lines[2]}\] of {name}$"):
        read_folder(tmp_path)
    with files_noted():
        note_file("items", path)
        assert lines_of("items", [0, 1, 2]) == (lines, name)
        assert lines_of("items", [0, 3]) is None
    assert lines_of("items", [0]) is None


def test_check_and_renamed_columns_name_lines(tmp_path):
    (tmp_path / "interactions.csv").write_text("who,item_id,position\nu,a,1\n,a,2\n")
    (tmp_path / "items.csv").write_text("item_id\na\n")
    [problem] = [
        one.text
        for one in check_folder(tmp_path, columns={"who": "user_id"}).findings
        if one.kind == "table"
    ]
    assert problem.endswith("got empty ones in lines [3] of interactions.csv")


def test_rows_of_a_frame_are_counted_after_a_file_was_read(tmp_path):
    (tmp_path / "log.csv").write_text("user_id,item_id,position\nu,a,1\n")
    Interactions(tmp_path / "log.csv")
    with pytest.raises(ValueError, match=r"in rows \[0\] \(counted from 0"):
        Interactions(pl.DataFrame({"user_id": [""], "item_id": ["a"], "position": [1]}))
