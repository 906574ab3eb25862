import codecs
import csv
import gzip
import io
import json
import re

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data.tables import (
    SUFFIXES,
    find_optional,
    find_table,
    read_table,
    rename_columns,
    require_columns,
)

COLUMNS = {
    "item_id": ["007", "7", "中文", 'a,"b"', "x" * 5000],
    "title": ["a", None, "c", "d", "e"],
}

# What a CSV file can hold: any text that is encodable, quoted.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


def one_sentence(error):
    return len(str(error).splitlines()) == 1 and len(str(error)) < 600


def loads_or_says_why(path):
    try:
        return len(read_table(path, "items")) > 0
    except ValueError as error:
        return one_sentence(error)


def sources(folder):
    frame = pl.DataFrame(COLUMNS)
    frame.write_csv(folder / "same.csv")
    frame.write_csv(folder / "same.CSV")
    frame.write_parquet(folder / "same.parquet")
    frame.write_csv(folder / "same.tsv", separator="\t")
    frame.write_ndjson(folder / "same.jsonl")
    frame.write_ndjson(folder / "same.NDJSON")
    for name in ("same.csv", "same.tsv", "same.jsonl"):
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
    lines = (folder / "same.jsonl").read_bytes().replace(b"\n", b"\r\n\r\n")
    (folder / "windows.jsonl").write_bytes(codecs.BOM_UTF8 + lines)
    return {
        "tsv": folder / "same.tsv",
        "json lines": folder / "same.jsonl",
        "json lines in capitals": folder / "same.NDJSON",
        "json lines of Windows": folder / "windows.jsonl",
        "csv, compressed": folder / "same.csv.gz",
        "tsv, compressed": folder / "same.tsv.gz",
        "json lines, compressed": folder / "same.jsonl.gz",
        "csv": folder / "same.csv",
        "csv in capitals": folder / "same.CSV",
        "csv as text": str(folder / "same.csv"),
        "parquet": folder / "same.parquet",
        "polars": frame,
        "lazy": frame.lazy(),
        "pandas": frame.to_pandas(),
        "arrow": pa.table(COLUMNS),
        "mapping": COLUMNS,
        "records": frame.to_dicts(),
    }


def test_every_kind_of_source_gives_the_same_table(folder):
    for name, source in sources(folder).items():
        assert read_table(source, "items").to_dict(as_series=False) == COLUMNS, name


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=8))
def test_text_comes_back_as_written(folder, rows):
    with (folder / "written.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([("item_id", "title"), *rows])
    assert read_table(folder / "written.csv", "items").rows() == rows


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.text(st.sampled_from('ab1,;"\n\r\t #\ufeff\0é{}:[]'), max_size=60).map(str.encode),
    ),
    st.sampled_from(SUFFIXES),
)
def test_any_file_loads_or_raises_one_sentence(folder, content, suffix):
    path = folder / f"any{suffix}"
    path.write_bytes(content)
    assert loads_or_says_why(path)


def test_half_a_parquet_file_is_a_value_error(folder):
    buffer = io.BytesIO()
    pl.DataFrame({"item_id": range(1000)}).write_parquet(buffer)
    whole = buffer.getvalue()
    for part in (whole[: len(whole) // 2], whole[:-4], whole[4:], b"PAR1" * 10):
        (folder / "half.parquet").write_bytes(part)
        with pytest.raises(
            ValueError, match=r"items: half.parquet can't be read as a table"
        ) as error:
            read_table(folder / "half.parquet", "items")
        assert one_sentence(error.value)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_parquet_file_loads_or_raises_one_sentence(folder, changes):
    buffer = io.BytesIO()
    pl.DataFrame({"item_id": ["a", "b"] * 9, "size": range(18)}).write_parquet(buffer)
    content = bytearray(buffer.getvalue())
    for position, value in changes:
        content[position % len(content)] = value
    (folder / "damaged.parquet").write_bytes(content)
    assert loads_or_says_why(folder / "damaged.parquet")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "can't be read as a table: empty CSV"),
        ("\n\n", "can't be read as a table: empty CSV"),
        ("item_id,title\n", "must have at least one row; got none"),
        ("item_id,title\n\n\n", "must have at least one row; got none"),
        (
            "item_id\na,b\n",
            "a table: line 2 has 2 values, the header 1: a,b;",
        ),
        (
            'id,t\n"a\nb",c\n\nd,e,f\n',
            "line 5 has 3 values, the header 2: d,e,f; a value",
        ),
        ('item_id\n"open\n', 'line 2 has a quote that is not closed, .* not doubled: "open$'),
        (
            'id,t\na,24" wide\nb,c\n',
            'line 2 has a quote .* not doubled: a,24" wide$',
        ),
        ('id,t\na,"24" wide"\nb,c\n', 'line 2 has a quote .* not doubled: a,"24" wide"$'),
        (f"id,t\na,{'y' * 200_000}\nb,x,z\n", "line 3 has 3 values, the header 2: b,x,z; a value"),
        ('id,t\na,"b\n' + "c,d\n" * 99_999, 'line 2 has a quote .* not doubled: a,"b$'),
        (
            "id,t\na,b\nc,d,e\nf,g\nh,i,j,k\nl,m,n\no,p,q\n",
            "line 3 has 3 values, the header 2: c,d,e; a value with ',' in it must be in quotes; "
            "4 lines of the file have too many, next 5, 6$",
        ),
        (
            'id,t\na,b,c\nd,24" wide\nh,i,j\n',
            'line 2 has 3 values, .* in quotes; line 3 has a quote .* not doubled: d,24" wide$',
        ),
    ],
)
def test_bad_csv(folder, content, message):
    (folder / "bad.csv").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_table(folder / "bad.csv", "items")


@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
def test_the_line_that_is_not_utf_8_is_named(folder, suffix):
    content = "item_id,title\na,b\nb,Café\n".encode("latin-1")
    content = gzip.compress(content) if suffix == "csv.gz" else content
    (folder / f"latin.{suffix}").write_bytes(content)
    with pytest.raises(ValueError, match=r"line 3 must be in UTF-8; got 'b,Caf\\xe9\\n'$"):
        read_table(folder / f"latin.{suffix}", "items")


def test_lines_with_too_few_values_are_counted(folder, caplog):
    (folder / "short.csv").write_text('item_id,title,price\na,"x\ny",3\nb\nc,,\n\nd,z\ne,z,4\n')
    frame = read_table(folder / "short.csv", "items")
    assert frame["price"].to_list() == ["3", None, None, None, "4"]
    assert caplog.messages == [
        "items: 2 lines of short.csv have fewer values than its header, first line 4; the missing "
        "ones are read as empty"
    ]
    caplog.clear()
    (folder / "short.csv").write_text("item_id,title\na,\nb,c\n\n")
    read_table(folder / "short.csv", "items")
    assert not caplog.messages


def test_csv_with_bom_windows_line_ends_and_blank_lines(folder):
    (folder / "w.csv").write_bytes("\ufeffitem_id,title\r\n01,\r\n\r\n02,b\r\n\r\n\r\n".encode())
    assert read_table(folder / "w.csv", "items").rows() == [("01", None), ("02", "b")]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_name_is_not_a_pattern(folder, suffix):
    (folder / "exp[1]").mkdir(exist_ok=True)
    for number, stem in enumerate(["exp[1]/a", "m1", "m*", "m[1]"]):
        path = folder / f"{stem}.{suffix}"
        frame = pl.DataFrame({"item_id": [str(number)]})
        frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    for number, stem in enumerate(["exp[1]/a", "m1", "m*", "m[1]"]):
        assert read_table(folder / f"{stem}.{suffix}", "items").rows() == [(str(number),)]


def test_missing_paths(folder):
    for source in ["nowhere.csv", "a\0b.csv", "user_id,item_id\nu,a\n" * 500]:
        with pytest.raises(FileNotFoundError, match="events: no file at ") as error:
            read_table(source, "events")
        assert one_sentence(error.value)
    (folder / "x.txt").write_text("item_id\na\n")
    with pytest.raises(ValueError, match=r"items must be a file that ends in .csv, .*; got x.txt"):
        read_table(folder / "x.txt", "items")
    with pytest.raises(ValueError, match=r"items must be rows, or a file; .* is a folder, which"):
        read_table(folder, "items")


def test_a_mapping_may_mix_whole_and_other_numbers():
    assert read_table({"time": [1, 2.5, None]}, "events")["time"].to_list() == [1.0, 2.5, None]
    assert read_table({"time": (1, 2)}, "events")["time"].to_list() == [1, 2]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "must be a polars, pandas or pyarrow table.*; got NoneType"),
        (5, "must be a polars, pandas or pyarrow table.*; got int"),
        ({"a": [1, 2], "b": [1]}, "must be a polars.*; got dict .*columns differ in length"),
        ({"a": ["x", 1]}, "items: column a mixes texts such as 'x' with others such as 1"),
        (pd.DataFrame({"a": [1, "x", None]}), "items: column a mixes texts such as 'x'"),
        (pd.DataFrame({"a": ["x", 1]}, dtype=object), "items: column a mixes texts such as 'x'"),
        ({1: [2]}, "must be a polars.*; got dict"),
        ({}, "must have at least one row; got none"),
        ({"a": []}, "must have at least one row; got none"),
        (pl.LazyFrame({"a": [1]}).select("b"), "items can't be collected: "),
    ],
)
def test_sources_that_are_not_tables(source, message):
    with pytest.raises(ValueError, match=message) as error:
        read_table(source, "items")
    assert one_sentence(error.value)


def test_find_table(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"must hold one table items, .*; got none"):
        find_table(tmp_path, "items")
    assert find_optional(tmp_path, "items") is None
    for suffix in SUFFIXES:
        path = tmp_path / f"items{suffix}"
        path.touch()
        assert find_table(tmp_path, "items") == find_optional(tmp_path, "items") == path
        path.unlink()
    (tmp_path / "items.csv").touch()
    (tmp_path / "items.jsonl.gz").touch()
    for find in (find_table, find_optional):
        with pytest.raises(FileNotFoundError, match=r"got \['items.csv', 'items.jsonl.gz'\]"):
            find(tmp_path, "items")


def test_json_lines_keep_types_and_lists(tmp_path):
    rows = [
        {"item_id": 7, "tags": ["a", "b"], "price": 1},
        {"item_id": 8, "tags": [], "price": 2.5, "size": {"x": 1}},
        *({"item_id": n} for n in range(9, 300)),
        {"item_id": 300, "late": True},
    ]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    frame = read_table(tmp_path / "items.jsonl", "items")
    assert frame["item_id"].to_list() == list(range(7, 301))
    assert frame.row(0, named=True) == rows[0] | {"size": None, "late": None}
    assert frame["tags"].to_list()[1:3] == [[], None]
    assert frame["late"][-1] is True


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "can't be read as a table"),
        ("{}\n", "lines must be JSON objects with fields"),
        ('{"a": 1}\n\n[1]\n', r"line 3 must be a JSON object; got b'\[1\]'"),
        ('{"a": 1}\n{"a": \n', "line 2 must be a JSON object"),
        ('{"a": 1}\n5\n', "line 2 must be a JSON object; got b'5'"),
    ],
)
def test_bad_json_lines(tmp_path, content, message):
    (tmp_path / "bad.jsonl").write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        read_table(tmp_path / "bad.jsonl", "items")
    assert one_sentence(error.value)


@pytest.mark.parametrize("suffix", ["csv.gz", "jsonl.gz"])
def test_half_a_compressed_file_is_a_value_error(tmp_path, suffix):
    whole = gzip.compress(b'item_id\n{"item_id": 1}\n' * 1000)
    (tmp_path / f"half.{suffix}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=f"half.{suffix} can't be read as a table"):
        read_table(tmp_path / f"half.{suffix}", "items")


def test_columns_are_renamed_in_all_tables_that_have_them():
    events = pl.DataFrame({"movieId": [1], "userId": [2], "x": [3]})
    items = pl.DataFrame({"movieId": [1], "x": [3]})
    made = rename_columns(
        {"interactions": events, "items": items}, {"movieId": "item_id", "userId": "user_id"}
    )
    assert made["interactions"].columns == ["item_id", "user_id", "x"]
    assert made["items"].columns == ["item_id", "x"]
    exchanged = rename_columns({"items": items}, {"movieId": "x", "x": "movieId"})["items"]
    assert exchanged.row(0, named=True) == {"x": 1, "movieId": 3}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"movieId": "x"}, r"items: columns must give each .* two would be \['x'\]"),
        ({"movieId": "y", "x": "y"}, r"two would be \['y'\], of \['movieId', 'x'\]"),
        ({"film": "y", "movieId": "z"}, r"\['film'\] are not in {'items': \['movieId', 'x'\]}$"),
        ({"movieid": "y"}, r"\['movieid'\] are not in .* \(did you mean 'movieId'\?\)$"),
        ({"item_id": "movieId"}, r"\(did you mean movieId=item_id\? The name in the table comes"),
    ],
)
def test_columns_that_can_not_be_renamed(columns, message):
    with pytest.raises(ValueError, match=message):
        rename_columns({"items": pl.DataFrame({"movieId": [1], "x": [3]})}, columns)


def test_a_new_name_that_is_nearly_that_of_ids():
    """A name that is free elsewhere is refused if events would have no ids."""
    tables = {"interactions": pl.DataFrame({"user_id": [1], "sku": [2], "x": [3]})}
    with pytest.raises(ValueError, match=r"got sku=itemid \(did you mean 'item_id'\?\)$"):
        rename_columns(tables, {"sku": "itemid"})
    made = rename_columns(tables, {"sku": "item_id", "x": "itemid"})["interactions"]
    assert made.columns == ["user_id", "item_id", "itemid"]
    assert rename_columns({"items": tables["interactions"]}, {"sku": "itemid"})


def test_require_columns_names_what_is_missing():
    frame = pl.DataFrame({"a": [1]})
    require_columns(frame, ["a"], "items")
    with pytest.raises(ValueError, match=r"items must have the columns \['b'\]; got \['a'\]"):
        require_columns(frame, ["a", "b"], "items")
    named = pl.DataFrame({"title": ["x"], "price": [1]})
    said = r"\['titel', 'z'\] \(did you mean 'title'\?\); got \['title', 'price'\]$"
    with pytest.raises(ValueError, match=said):
        require_columns(named, ["price", "titel", "z"], "items")


def test_columns_of_other_lengths():
    with pytest.raises(ValueError, match=r"columns differ in length: {'a': 2, 'b': 1}"):
        read_table({"a": [1, 2], "b": ["x"], "c": 5}, "items")
    assert read_table({"a": [1, 2], "c": 5}, "items")["c"].to_list() == [5, 5]


@pytest.mark.parametrize(
    ("name", "used", "expected"),
    [("events.csv", ";", ","), ("events.csv", "\t", ","), ("events.tsv", ",", "\t")],
)
def test_other_separators_are_named(tmp_path, name, used, expected):
    path = tmp_path / name
    path.write_text(used.join(["user_id", "item_id", "note"]) + "\n" + used.join("uix"))
    said = f"events: {name} can't be read as a table: it seems to be separated by {used!r}; "
    with pytest.raises(ValueError, match=re.escape(f"{said}expected {expected!r}") + "$"):
        read_table(path, "events")


def test_one_column_and_other_signs_in_names_are_no_other_separator(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text('"a,b"\nc\n')
    assert read_table(path, "items").columns == ["a,b"]
    for header in ("item_id", "item_id,size;colour"):
        path.write_text(f"{header}\n" + ",".join("ab"[: header.count(",") + 1]) + "\n")
        assert read_table(path, "items").columns == header.split(",")
