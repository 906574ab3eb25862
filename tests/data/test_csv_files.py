import csv
import gzip

import pytest

from mmrec.data.csv_files import read_csv


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_lines_are_parsed_one_by_one_only_where_some_are_short(tmp_path, monkeypatch, caplog, name):
    def fail(*_, **__):
        raise AssertionError("the file is read by lines")

    # More than a block of bytes; values in quotes have separators, quotes and ends of lines.
    rows = [f'{n},"a, ""b"",\nc",' for n in range(80_000)]
    open_ = gzip.open if name.endswith(".gz") else open
    with open_(tmp_path / name, "wt") as file:
        file.write("\n".join(["item_id,title,note", *rows]))
    reader = csv.reader
    monkeypatch.setattr("csv.reader", fail)
    frame = read_csv(tmp_path / name, ",", "items")
    assert (frame.shape, frame["title"][7]) == ((80_000, 3), 'a, "b",\nc')
    with open_(tmp_path / name, "at") as file:
        file.write("\nlast")
    monkeypatch.setattr("csv.reader", reader)
    read_csv(tmp_path / name, ",", "items")
    assert len(caplog.messages) == 1
    assert f"1 line of {name} has fewer values than its header, first line 160002" in caplog.text
