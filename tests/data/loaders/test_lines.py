import gzip

import pytest

from mmrec.data.loaders import lines as module
from mmrec.data.loaders.lines import FILE, LINE, TEXT, read_lines
from mmrec.data.loaders.report import FileCounts


def read(path, **options):
    counts = FileCounts(path, 7)
    frames = list(read_lines(path, counts, **options))
    assert {number for frame in frames for number in frame[FILE]} <= {7}
    return [row for frame in frames for row in frame.select(LINE, TEXT).rows()], counts


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_blocks_of_any_size_give_the_same_lines(tmp_path, monkeypatch, size):
    monkeypatch.setattr(module, "BLOCK", size)
    path = tmp_path / "a.txt"
    path.write_bytes("one\r\n\nzwölf\n  \nlast".encode())
    rows, counts = read(path)
    assert rows == [(1, "one"), (3, "zwölf"), (5, "last")]
    assert (counts.read, counts.kept) == (5, 3)
    assert counts.dropped["blank"].lines == [2, 4]


def test_gzip_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfone\ntwo\n"))
    assert read(path)[0] == [(1, "one"), (2, "two")]
    path.write_bytes(gzip.compress(b"one\ntwo\n" * 1000)[:40])
    with pytest.raises(ValueError, match=r"a\.jsonl\.gz is a damaged gzip file"):
        read(path)
    path.write_bytes(b"one\n")
    with pytest.raises(ValueError, match="damaged gzip file"):
        read(path)


def test_lines_that_are_not_text_are_counted(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\n\xe9t\xe9\nthree\n")
    rows, counts = read(path)
    assert rows == [(1, "one"), (3, "three")]
    assert counts.dropped["not utf-8 text"].lines == [2]
    assert read(path, encoding="latin-1")[0][1] == (2, "été")


def test_only_line_feeds_end_lines(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("a\u2028b\x0bc\x85d\ne".encode())
    assert read(path)[0] == [(1, "a\u2028b\x0bc\x85d"), (2, "e")]


def test_a_header_is_no_row(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("head\none\n")
    rows, counts = read(path, skip_first=True)
    assert (rows, counts.read) == ([(2, "one")], 1)


def test_a_file_without_line_ends_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 10)
    monkeypatch.setattr(module, "LONGEST", 40)
    path = tmp_path / "a.txt"
    path.write_text("x" * 100)
    with pytest.raises(ValueError, match="got 50 bytes without a line end"):
        read(path)
