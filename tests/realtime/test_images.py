import polars as pl
import pytest

from mmrec.data import Catalog
from mmrec.data.images import ADDED
from mmrec.realtime.images import with_images, write_images
from mmrec.realtime.recommender import RealtimeRecommender


@pytest.fixture
def catalog(tmp_path):
    return Catalog({"item_id": [1, 2], "image": ["1.jpg", None]}, tmp_path)


def test_images_get_the_name_of_their_content(catalog, images, tmp_path):
    data = images[0].read_bytes()
    rows = pl.DataFrame({"item_id": [3, 4], "image": ["3.jpg", None]})
    frame, files = with_images(rows, {"4": data}, catalog)
    first, second = frame["image"].to_list()
    assert first == "3.jpg"
    assert second.startswith(f"{ADDED}/")
    assert second.endswith(".png")
    assert list(tmp_path.iterdir()) == []
    write_images(files)
    write_images(files)
    assert [path.read_bytes() for path in (tmp_path / ADDED).iterdir()] == [data]
    frame, files = with_images(rows, None, catalog)
    assert (frame["image"].to_list(), files) == (["3.jpg", None], {})


def test_a_change_keeps_the_images_of_other_rows(catalog, images):
    frame, _ = with_images(pl.DataFrame({"item_id": [1, 2]}), {2: images[0].read_bytes()}, catalog)
    assert frame["image"].to_list()[0] == "1.jpg"


def test_wrong_images_are_refused(catalog, images):
    data, rows = images[0].read_bytes(), pl.DataFrame({"item_id": [3]})
    for sent, message in (
        ({4: data}, r"must be of the items in the request; got \[4\]"),
        ({3: b"text"}, "the image of 3 must be a JPEG, PNG or WebP file"),
        ({3: data[:60]}, "image of 3 is damaged"),
    ):
        with pytest.raises(ValueError, match=message):
            with_images(rows, sent, catalog)
    with pytest.raises(ValueError, match="this one has none"):
        with_images(rows, {3: data}, Catalog(rows))
    for column in ([["a.png"]], [data]):
        several = Catalog({"item_id": [1], "image": column}, catalog.images)
        with pytest.raises(ValueError, match="only where the column image holds file names; it"):
            with_images(rows, {3: data}, several)


def test_a_refused_change_leaves_no_file(by_content, images, tmp_path):
    live = RealtimeRecommender(by_content)
    live.snapshots.now.catalog.images = tmp_path
    there = pl.DataFrame({"item_id": [live.catalog.ids[0]], "title": ["red lamp"]})
    with pytest.raises(ValueError, match="in the catalogue already"):
        live.add_items(there, images={live.catalog.ids[0]: images[0].read_bytes()})
    assert list(tmp_path.iterdir()) == []
