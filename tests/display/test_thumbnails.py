import base64
import io

import pytest
from PIL import Image

from mmrec.data import Catalog
from mmrec.display.thumbnails import Thumbnails


def decoded(uri):
    head, data = uri.split(",", 1)
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.fixture
def catalog(tmp_path):
    Image.new("RGB", (300, 600), "red").save(tmp_path / "tall.png")
    Image.new("RGB", (40, 20), "blue").save(tmp_path / "small.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"not an image")
    rows = {"item_id": ["a", "b", "c", "d", "e"]}
    rows["image"] = ["tall.png", "small.jpg", "broken.jpg", "gone.jpg", ""]
    return Catalog(rows, tmp_path)


def test_a_thumbnail_is_a_small_jpeg_of_the_image(catalog):
    image = decoded(Thumbnails(catalog, size=100)["a"])
    assert image.format == "JPEG"
    assert image.size == (50, 100)
    red, green, blue = image.getpixel((25, 50))
    assert red > 240
    assert max(green, blue) < 15


def test_a_small_image_is_not_enlarged(catalog):
    assert decoded(Thumbnails(catalog)["b"]).size == (40, 20)


def test_an_unreadable_image_has_no_thumbnail(catalog):
    thumbnails = Thumbnails(catalog)
    assert [thumbnails[item] for item in "cde"] == [None, None, None]


def test_a_thumbnail_is_made_once(catalog, monkeypatch):
    thumbnails = Thumbnails(catalog)
    first = thumbnails["a"]
    monkeypatch.setattr("mmrec.display.thumbnails.load_image", None)
    assert thumbnails["a"] is first


def test_aspect_is_the_usual_one_within_bounds(catalog):
    thumbnails = Thumbnails(catalog)
    assert thumbnails.aspect == 1.0
    _ = thumbnails["a"]
    assert thumbnails.aspect == 0.66  # 0.5 would be too tall for a page
    _ = thumbnails["b"]
    assert thumbnails.aspect == 1.25  # the median of 0.5 and 2


def test_an_image_in_the_folder_of_its_item_is_shown(tmp_path):
    (tmp_path / "a").mkdir()
    Image.new("RGB", (40, 20), "blue").save(tmp_path / "a" / "front.png")
    found = Thumbnails(Catalog({"item_id": ["a", "b"]}, tmp_path))
    assert decoded(found["a"]).size == (40, 20)
    assert found["b"] is None
