import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data.loaders import separated
from mmrec.data.loaders.lines import FILE, LINE, TEXT
from mmrec.data.loaders.report import FileCounts
from mmrec.data.loaders.separated import split_csv, split_plain


def blocks(text, size=1000):
    """The lines of a text in blocks of some lines."""
    rows = [(0, n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    frame = pl.DataFrame(
        rows, schema={FILE: pl.Int32, LINE: pl.Int64, TEXT: pl.String}, orient="row"
    )
    return list(frame.iter_slices(size))


def parse(text, types, size=1000, **options):
    counts = FileCounts(Path("file.csv"), 0, read=len([t for t in text.split("\n") if t.strip()]))
    frames = list(split_csv(blocks(text, size), types, counts, **options))
    frame = pl.concat(frames) if frames else pl.DataFrame()
    return frame, {why: entry.lines for why, entry in counts.dropped.items()}, counts


TEXTS = {"a": pl.String(), "b": pl.String()}


@given(
    st.lists(
        st.tuples(*[st.text(st.sampled_from('x",\n 7'), min_size=1, max_size=6)] * 2), max_size=8
    ),
    st.integers(1, 5),
)
@settings(deadline=None, max_examples=150)
def test_reads_what_the_csv_module_writes(rows, size):
    rows = [
        row
        for row in rows
        if "\n\n" not in "".join(row)
        and not any(line.strip() == "" for field in row for line in field.split("\n"))
    ]
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([("a", "b"), *rows])
    # A blank line in a quoted field is dropped as any other blank line.
    frame, dropped, counts = parse(file.getvalue(), TEXTS, size)
    assert (frame.select("a", "b").rows() if len(frame) else []) == rows
    assert dropped == {}
    assert counts.kept == len(rows)


def test_lines_of_records_and_types():
    text = 'a,b,n\nx,"two\nlines",1\ny,,\n\nz,w,2.5'
    frame, dropped, _ = parse(text, {"a": pl.String(), "n": pl.Float64()})
    assert frame.select("a", "b", "n", LINE).rows() == [
        ("x", "two\nlines", 1.0, 2),
        ("y", None, None, 4),
        ("z", "w", 2.5, 6),
    ]
    assert dropped == {}


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_stray_quote_loses_one_line(size):
    text = 'a,b\n1,x\n2,"open\n3,x\n4,x,y\n5\n6,5" wide\n7,x'
    frame, dropped, counts = parse(text, TEXTS, size)
    assert frame["a"].to_list() == ["1", "3", "6", "7"]
    assert dropped == {"expected 2 fields": [3, 5, 6]}
    assert counts.kept == 4


def test_an_open_quote_is_not_followed_forever(monkeypatch):
    monkeypatch.setattr(separated, "MOST_LINES", 3)
    text = 'a,b\n1,"open\n' + "\n".join(f"{n},x" for n in range(2, 9)) + '\n9,"y"'
    frame, dropped, _ = parse(text, TEXTS, 2)
    assert frame["a"].to_list() == [str(n) for n in range(2, 10)]
    assert dropped == {"expected 2 fields": [2]}


def test_values_of_another_type_are_counted():
    frame, dropped, _ = parse("a,n\nx,1\ny,1.5\nz,many", {"a": pl.String(), "n": pl.Int64()})
    assert frame["n"].to_list() == [1]
    assert dropped == {"n must be an integer": [3, 4]}


def test_a_header_without_a_column_is_refused():
    with pytest.raises(ValueError, match=r"file\.csv must have the columns \['a', 'b'\]; got"):
        parse("a,c\n1,2", TEXTS)
    with pytest.raises(ValueError, match="must have the columns"):
        parse("a,b,b\n1,2,3", TEXTS)


def test_plain_fields_have_no_quotes():
    counts = FileCounts(Path("file.dat"), 0)
    pieces = blocks('1::"x\n2::y::z\n3\n4::')
    frame = pl.concat(split_plain(pieces, TEXTS, "::", counts))
    assert frame.select("a", "b").rows() == [("1", '"x'), ("4", None)]
    assert counts.dropped["expected 2 fields"].lines == [2, 3]
