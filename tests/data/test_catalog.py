import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data import Catalog

COLUMNS = {"item_id": ["007", "7", "中文"], "title": ["A", None, "C"]}
TYPED = {
    "item_id": [1, 2, 3, 4],
    "year": [1995, 1996, 1995, 2001],
    "gaps": [1995.0, None, 1.5, 2001.0],
    "stock": [True, False, None, True],
    "text": ["1995", "", None, "True"],
    "tags": [["x"], ["y"], [], None],
}


def test_every_kind_of_source_gives_the_same_catalogue(tmp_path):
    frame = pl.DataFrame(COLUMNS)
    frame.write_csv(tmp_path / "items.csv")
    frame.write_parquet(tmp_path / "items.parquet")
    for source in (
        tmp_path / "items.csv",
        tmp_path / "items.parquet",
        frame,
        frame.to_pandas(),
        pa.table(COLUMNS),
        COLUMNS,
    ):
        catalog = Catalog(source)
        assert catalog.ids == ["007", "7", "中文"]
        assert [catalog.row(item)["title"] for item in catalog.ids] == ["A", None, "C"]
        assert catalog.indices_of(["中文", "007", "007"]).tolist() == [3, 1, 1]
        assert "7" in catalog
        assert 7 not in catalog
        assert len(catalog) == 3


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, min_size=1, max_size=20))
def test_index_is_row_plus_one(ids):
    catalog = Catalog({"item_id": ids})
    assert catalog.ids == ids
    assert catalog.indices_of(ids).tolist() == list(range(1, len(ids) + 1))
    assert catalog.indices_of(ids[::-1]).tolist() == list(range(len(ids), 0, -1))
    assert catalog.ids_of(range(len(ids), 0, -1)) == ids[::-1]
    assert catalog.ids_of([]) == []


def test_unknown_ids_are_named():
    catalog = Catalog(COLUMNS)
    with pytest.raises(
        ValueError, match=r"4 item ids are not in the catalogue of 3 items .*first \['a', 'b', 7\]"
    ):
        catalog.indices_of(["a", "7", "b", "a", 7, "c"])
    assert catalog.indices_of([]).tolist() == []


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a"]}, r"items must have the columns \['item_id'\]; got \['id'\]"),
        (
            {"item_id": ["b", "a", "b", "a"]},
            r"must be unique; got 2 ids more than once.*first \['b', 'a'\]",
        ),
        ({"item_id": ["a", None]}, r"item_id must not be empty; got empty ones in rows \[1\]"),
        ({"item_id": [1.0]}, "item_id must be text or integers; got Float64"),
        ({"item_id": ["a"], "image": ["../x.jpg"]}, r"image '../x.jpg' lies outside"),
        ({"item_id": ["a"], "image": ["/etc/x.jpg"]}, "image must be a file name inside"),
        ({"item_id": ["a"], "image": [["x.jpg"]]}, "items: image must be text; got List"),
    ],
)
def test_bad_items(tmp_path, columns, message):
    with pytest.raises(ValueError, match=message):
        Catalog(columns, tmp_path)


def test_image_paths(tmp_path):
    names = ["a.jpg", "", None, " b.png "]
    columns = {"item_id": list("abcd"), "image": names}
    root = tmp_path.resolve()
    assert Catalog(columns, tmp_path).image_paths() == [root / "a.jpg", None, None, root / "b.png"]
    assert Catalog(columns).image_paths() == [None] * 4
    assert Catalog(columns | {"image": [None] * 4}, tmp_path).image_paths() == [None] * 4
    assert Catalog(COLUMNS, tmp_path).image_paths() == [None] * 3


def test_parse_ids():
    assert Catalog(COLUMNS).parse_ids([" 007", "9 "]) == ["007", "9"]
    assert Catalog(TYPED).parse_ids([" 007", "9 "]) == [7, 9]
    with pytest.raises(ValueError, match=r"item ids must be integers .*; got \['1', 'x'\]"):
        Catalog(TYPED).parse_ids(["1", "x"])


def test_append_grows_at_the_end():
    catalog = Catalog(COLUMNS)
    assert list(catalog.append({"item_id": ["new", "other"], "price": [1.5, 2.0]})) == [4, 5]
    assert catalog.indices_of(["007", "new", "other"]).tolist() == [1, 4, 5]
    assert catalog.row("new") == {"item_id": "new", "title": None, "price": 1.5}
    assert catalog.row("7") == {"item_id": "7", "title": None, "price": None}
    assert catalog.where({"price": 2}).tolist() == [False] * 5 + [True]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"item_id": [9, 2]}, r"\[2\] are in the catalogue already"),
        ({"item_id": [9, 9]}, "item_id must be unique"),
        ({"item_id": [9, None]}, "item_id must not be empty"),
        ({"item_id": ["9"]}, "item_id must be Int64 as in the catalogue; got String"),
        ({"item_id": [9], "tags": [5]}, r"tags must be List\(String\) as in the catalogue; got 5"),
        ({"item_id": [9], "image": ["../x.jpg"]}, "lies outside"),
        ({"item_id": []}, "at least one row"),
    ],
)
def test_append_adds_all_or_nothing(tmp_path, rows, message):
    catalog = Catalog(TYPED | {"image": ["a.jpg", None, None, None]}, tmp_path)
    before = catalog.frame
    with pytest.raises(ValueError, match=message):
        catalog.append(rows)
    assert catalog.frame.equals(before)
    assert len(catalog) == 4
    assert 9 not in catalog
    assert catalog.append({"item_id": [9]}) == range(5, 6)


def test_repr_has_the_sizes():
    assert repr(Catalog(COLUMNS)) == "Catalog(3 items, columns ['item_id', 'title'])"


@pytest.mark.usefixtures("unchecked")
def test_a_single_id_is_refused():
    with pytest.raises(ValueError, match="expected a list of item ids; got the single id '007'"):
        Catalog(COLUMNS).indices_of("007")
    with pytest.raises(ValueError, match="got the single id 7"):
        Catalog(TYPED).indices_of(7)


def test_a_new_column_is_a_warning(caplog):
    Catalog(COLUMNS).append({"item_id": ["new"], "title": ["A hat"]})
    assert not caplog.messages
    Catalog(COLUMNS).append({"item_id": ["new"], "titel": ["A hat"]})
    assert caplog.messages == ["items get the new columns ['titel'] beside ['item_id', 'title']"]


def test_a_missing_folder_of_images_is_a_warning(tmp_path, caplog):
    named = {"item_id": [1, 2], "image": ["a.jpg", ""]}
    Catalog(named, tmp_path)
    Catalog(named | {"image": ["", None]}, tmp_path / "nowhere")
    Catalog(named)
    assert not caplog.messages
    Catalog(named, tmp_path / "nowhere")
    assert caplog.messages == [
        f"1 items name an image in {tmp_path / 'nowhere'}, which is not a folder"
    ]
