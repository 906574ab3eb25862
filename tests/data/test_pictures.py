import polars as pl
import pytest

from mmrec.data import pictures_in
from mmrec.data.pictures import (
    first_name,
    holds_pictures,
    in_own_folders,
    pictures_in_folders,
    shown_picture,
)


def test_names_bytes_structs_and_lists(tmp_path):
    root = tmp_path.resolve()
    a, b = root / "a.jpg", root / "012" / "0123.jpg"
    columns = {
        "name": (["a.jpg", " 012/0123.jpg ", "", None], [[a], [b], [], []]),
        "list": ([["a.jpg", None, "012/0123.jpg"], [], None], [[a, b], [], []]),
        "bytes": ([b"JPEG", b"", None], [[b"JPEG"], [], []]),
        "datasets": (
            [{"bytes": b"JPEG", "path": "x.jpg"}, {"bytes": None, "path": "a.jpg"}, None],
            [[b"JPEG"], [a], []],
        ),
        "several": ([[b"one", b"two"], None], [[b"one", b"two"], []]),
    }
    for name, (values, expected) in columns.items():
        assert pictures_in(pl.Series(name, values), tmp_path) == expected


def test_files_need_a_folder_and_bytes_none():
    assert pictures_in(pl.Series(["a.jpg"]), None) == [[]]
    assert pictures_in(pl.Series([b"JPEG"]), None) == [[b"JPEG"]]


@pytest.mark.parametrize("values", [[{"url": "x"}], [[{"large": "x"}]], [{"bytes": "text"}]])
def test_other_columns_are_refused(tmp_path, values):
    column = pl.Series("image", values)
    assert not holds_pictures(column)
    with pytest.raises(ValueError, match="image must be file names or bytes of images, or lists"):
        pictures_in(column, tmp_path)


def test_a_file_outside_the_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="lies outside"):
        pictures_in(pl.Series([["a.jpg", "../b.jpg"]]), tmp_path)


def test_the_first_name():
    values = [" a.jpg", None, b"JPEG", [None, "b.jpg"], {"bytes": None, "path": "c.jpg"}, 7]
    names = ["a.jpg", "", "", "b.jpg", "c.jpg", "7"]
    assert [first_name(value, None) for value in values] == names
    assert first_name({"bytes": b"JPEG", "path": "c.jpg"}, None) == ""


def test_several_names_in_one_text(tmp_path):
    root = tmp_path.resolve()
    for name in ("a.jpg", "b;c.jpg", "d, e.jpg", "f.jpg,g.jpg"):
        (tmp_path / name).write_bytes(b"image")
    several = {
        "a.jpg|b.jpg": ["a.jpg", "b.jpg"],
        " a.jpg ; 012/b.jpg;": ["a.jpg", "012/b.jpg"],
        "x.jpg, Y.JPG": ["x.jpg", "Y.JPG"],
        "b;c.jpg": ["b;c.jpg"],  # a file of the whole name
        "d, e.jpg": ["d, e.jpg"],
        "f.jpg,g.jpg": ["f.jpg,g.jpg"],
        "Lamp, red.jpg": ["Lamp, red.jpg"],  # no file, but one name: Lamp is no image
        "|": [],
        "a" * 5000 + "|b.jpg": ["a" * 5000, "b.jpg"],
    }
    for text, names in several.items():
        assert first_name(text, tmp_path) == (names or [""])[0]
        if len(text) < 5000:
            column = pl.Series("image", [text, None])
            assert pictures_in(column, tmp_path) == [[root / name for name in names], []]
    assert first_name("b;c.jpg", None) == "b"
    with pytest.raises(ValueError, match="lies outside"):
        pictures_in(pl.Series(["a.jpg|../b.jpg"]), tmp_path)


def test_folders_of_items(tmp_path):
    for name in ("x/2.JPG", "x/1.png", "x/.hidden.png", "x/notes.txt", "7/a.webp", "other/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"image")
    (tmp_path / "file").write_bytes(b"no folder")
    root = tmp_path.resolve()
    found = pictures_in_folders(["x", 7, "none", "file", ".."], tmp_path)
    assert found == [[root / "x/1.png", root / "x/2.JPG"], [root / "7/a.webp"], [], [], []]
    assert pictures_in_folders(["x"], None) == [[]]
    assert pictures_in_folders(["x"], tmp_path / "nowhere") == [[]]


def test_a_folder_behind_a_link_is_passed_over(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.png").write_bytes(b"image")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "x").symlink_to(tmp_path / "secret")
    assert pictures_in_folders(["x"], tmp_path / "images") == [[]]
    assert shown_picture("x", tmp_path / "images", folders=True) is None


def test_the_picture_that_is_shown(tmp_path):
    for name in ("x/2.JPG", "x/1.png", "front.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"image")
    root = tmp_path.resolve()
    first = root / "x/1.png"
    assert shown_picture("x", tmp_path, folders=True) == first
    assert shown_picture("x", tmp_path, ["front.png"], folders=True) == root / "front.png"
    for named in ("https://shop.org/front.png", "/front.png", "../x/1.png", b"JPEG"):
        assert shown_picture("x", tmp_path, named, folders=True) == first
    assert shown_picture("x", tmp_path, folders=False) is None
    for item in ("y", "..", ".", "x/", "a" * 300, "a\0b", 7):
        assert shown_picture(item, tmp_path, folders=True) is None


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"title": ["a"]}, True),
        ({"image": [None], "images": [""]}, True),
        ({"image": ["added/1.png"]}, True),
        ({"image": ["a.png"]}, False),
        ({"image": [None], "images": [["a.png"]]}, False),
        ({"image": [b"JPEG"]}, False),
        ({"image": [{"bytes": b"JPEG", "path": None}]}, False),
    ],
)
def test_images_are_in_folders_where_no_column_names_one(columns, expected):
    assert in_own_folders(pl.DataFrame(columns)) is expected


def test_how_many_images_lie_outside_is_said(tmp_path):
    names = ["a.jpg", "../x.jpg", None, "../y.jpg", "../z.jpg"]
    with pytest.raises(ValueError, match=r"'../x.jpg' lies outside .*, the first of 3 such items$"):
        pictures_in(pl.Series("image", names), tmp_path)
    with pytest.raises(ValueError, match=r"'../x.jpg' lies outside [^,]*$"):
        pictures_in(pl.Series("image", names[:3]), tmp_path)
