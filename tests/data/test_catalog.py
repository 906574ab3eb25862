import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data import Catalog, DataError

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
        assert 7 not in catalog  # it may be "007"
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
        ValueError, match=r"4 item ids are not in the catalogue of 3 items, .*got \['a', 'b', 7\]"
    ):
        catalog.indices_of(["a", "7", "b", "a", 7, "c"])
    assert catalog.indices_of([]).tolist() == []


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a"]}, r"items must have the columns \['item_id'\]; got \['id'\]"),
        (
            {"item_id": ["b", "a", "b", "a"]},
            r"must be unique; got 2 ids more than once.*first \['b', 'a'\] in 4 rows, first \[0, 1",
        ),
        ({"item_id": ["a", None]}, r"item_id must not be empty; got empty ones in rows \[1\]"),
        ({"item_id": [1.5]}, r"item_id must be text or integers; rows \[0\]"),
        ({"item_id": ["a"], "image": ["../x.jpg"]}, r"image '../x.jpg' lies outside"),
        ({"item_id": ["a"], "image": ["/etc/x.jpg"]}, "image must be a file name inside"),
        ({"item_id": ["a"], "image": [["../x.jpg"]]}, r"image '../x.jpg' lies outside"),
        ({"item_id": ["a"], "image": [{"url": "x"}]}, "image must be file names or bytes.*Struct"),
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
    assert Catalog({"item_id": ["7.0", "x"]}).parse_ids(["7"]) == ["7.0"]
    assert Catalog(TYPED).parse_ids([" 1", "9 ", "2.0"]) == [1, 9, 2]
    for text in ("x", "007"):
        with pytest.raises(ValueError, match=rf"item ids must be integers .*; got \[1, '{text}'\]"):
            Catalog(TYPED).parse_ids(["1", text])


@pytest.mark.parametrize("ids", [["7", "8", "x"], [7, 8, 9], ["7.0", "8.0", "9.0"]])
def test_ids_may_be_written_in_other_ways(ids):
    catalog = Catalog({"item_id": ids, "title": list("abc")})
    for item in (8, "8", 8.0, "8.0", np.int32(8), np.float64(8), np.str_("8")):
        assert catalog.find(item) == 2
        assert item in catalog
        assert catalog.indices_of([item]).tolist() == [2]
        assert catalog.row(item)["title"] == "b"
        assert catalog.written(item) == ids[1]
    for item in ("08", 80, "eight", 8.5, None, ["8"]):
        assert item not in catalog
    assert catalog.indices_of(np.array([8, 7])).tolist() == [2, 1]
    copied = catalog.copy()
    assert copied.find(8) == copied.find("8") == 2


def test_unknown_ids_are_written_as_the_others():
    texts, numbers = Catalog({"item_id": ["7", "x"]}), Catalog({"item_id": [7, 8]})
    assert [texts.written(item) for item in (9, "9", "09", "9.0", 9.5)] == [
        "9",
        "9",
        "09",
        "9.0",
        9.5,
    ]
    assert Catalog(COLUMNS).written(7) == 7  # it may be "7" or "007"
    assert [numbers.written(item) for item in (9, "9", "09", "x")] == [9, 9, "09", "x"]


def test_an_id_in_doubt_is_named():
    with pytest.raises(ValueError, match=r"got \[7\]; 7 may be '7' or '007' of the catalogue"):
        Catalog(COLUMNS).indices_of(["中文", 7])


def test_all_problems_are_in_one_message(tmp_path):
    with pytest.raises(DataError) as error:
        Catalog({"id": ["a"], "image": ["../x.jpg"]}, tmp_path)
    assert len(error.value.problems) == 2
    assert "items must have the columns ['item_id']" in error.value.problems[0]
    assert f"'../x.jpg' lies outside {tmp_path}" in error.value.problems[1]


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
        ({"item_id": ["2"]}, r"\[2\] are in the catalogue already"),
        ({"item_id": ["9", "x"]}, r"item_id must be integers, .* rows \[1\] .* hold 'x'"),
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


def test_appended_ids_are_written_as_the_others():
    numbers = Catalog(TYPED)
    assert list(numbers.append({"item_id": ["9"]})) == [5]
    assert numbers.ids == [1, 2, 3, 4, 9]
    texts = Catalog(COLUMNS)
    texts.append({"item_id": [9.0]})
    assert texts.ids[-1] == "9"
    assert texts.find(9) == 4


def test_repr_has_the_sizes():
    assert repr(Catalog(COLUMNS)) == "Catalog(3 items, columns ['item_id', 'title'])"


@pytest.mark.usefixtures("unchecked")
def test_a_single_id_is_refused():
    with pytest.raises(ValueError, match="expected a list of item ids; got the single id '007'"):
        Catalog(COLUMNS).indices_of("007")
    for item in (7, np.int64(7)):
        with pytest.raises(ValueError, match=r"got the single id .*7"):
            Catalog(TYPED).indices_of(item)


def test_a_new_column_is_a_warning(caplog):
    Catalog(COLUMNS).append({"item_id": ["new"], "title": ["A hat"]})
    assert not caplog.messages
    Catalog(COLUMNS).append({"item_id": ["new"], "titel": ["A hat"]})
    assert caplog.messages == [
        "items get the new columns ['titel'] (did you mean 'title'?) beside ['item_id', 'title']"
    ]


def test_a_missing_folder_of_images_is_a_warning(tmp_path, caplog):
    named = {"item_id": [1, 2], "image": ["a.jpg", ""]}
    Catalog(named, tmp_path)
    Catalog(named | {"image": ["", None]}, tmp_path / "nowhere")
    Catalog(named)
    assert not caplog.messages
    Catalog(named, tmp_path / "nowhere")
    assert caplog.messages == [
        f"1 item names an image in {tmp_path / 'nowhere'}, which is not a folder"
    ]


def test_lists_and_bytes_are_replaced():
    catalog = Catalog({"item_id": [1, 2, 3], "v": [[1.0], [2.0], None], "b": [b"x", None, b"z"]})
    catalog.update({"item_id": [3, 1], "v": [[9.0, 8.0], None], "b": [b"n", b"m"]})
    assert catalog.frame["v"].to_list() == [None, [2.0], [9.0, 8.0]]
    assert catalog.frame["b"].to_list() == [b"m", None, b"n"]
    with pytest.raises(ValueError, match=r"v must be List\(Float64\) as in the catalogue"):
        catalog.update({"item_id": [1], "v": [["text"]]})


def test_the_first_image_of_several(tmp_path):
    rows = {"item_id": [1, 2, 3], "image": [["a.jpg", "b.jpg"], [], None]}
    catalog, first = Catalog(rows, tmp_path), tmp_path.resolve() / "a.jpg"
    assert catalog.image_paths() == [first, None, None]
    assert [catalog.image_path(item) for item in (1, 2, 3)] == [first, None, None]
    data = Catalog({"item_id": [1], "image": [b"JPEG"]}, tmp_path)
    assert (data.image_paths(), data.image_path(1)) == ([None], None)


@pytest.mark.parametrize("times", [["1740000000", "1740003600"], [1740000000, 1740003600]])
def test_ages_of_unix_seconds_in_a_catalogue_also_as_the_text_of_a_csv(times):
    catalog = Catalog({"item_id": ["a", "b"], "created_at": times})
    found = catalog.where("age(created_at) < 30min", at=1740003700.0)
    assert found.tolist() == [False, False, True]
    late = Catalog({"item_id": ["a"], "created_at": ["1740000000000"]})
    with pytest.raises(ValueError, match=r"since 1970; got .* looks like milliseconds"):
        late.where("age(created_at) < 30min")


def test_images_in_folders_and_in_the_column_images(tmp_path):
    for name in ("1/b.png", "1/a.png", "front.png", "added/9.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"image")
    root = tmp_path.resolve()
    own, front = root / "1/a.png", root / "front.png"
    catalog = Catalog({"item_id": [1, 2], "image": [None, "added/9.png"]}, tmp_path)
    assert catalog.image_paths() == [own, root / "added/9.png"]
    assert [catalog.image_path(item) for item in (1, 2)] == catalog.image_paths()
    assert not catalog.lacks_image(1)
    catalog = Catalog({"item_id": [1, 2], "images": [None, ["front.png"]]}, tmp_path)
    assert [catalog.image_path(item) for item in (1, 2)] == catalog.image_paths() == [None, front]
    assert Catalog({"item_id": [1]}, None).image_paths() == [None]
