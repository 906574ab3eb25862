from io import BytesIO

import polars as pl
import pytest
from PIL import Image

from mmrec.data import Catalog, pictures_in
from mmrec.data.images import ADDED, load_image
from mmrec.data.sent_images import read_images, warn_of_missing_images, with_images, write_images


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
        ({3: b"text"}, "the image of 3 must be a JPEG, PNG, WebP or GIF file"),
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


def test_images_of_a_folder_are_copied(catalog, images, tmp_path):
    folder, names = images[0].parent, ["0.png|1.png", "2.png", None]
    rows = pl.DataFrame({"item_id": [3, 4, 5], "image": names})
    sent = read_images(rows, folder)
    contents = [path.read_bytes() for path in images[:3]]
    assert sent == {3: contents[:2], 4: contents[2:]}
    frame, files = with_images(rows, sent, catalog)
    write_images(files)
    found = [*map(list, pictures_in(frame["image"], tmp_path))]
    assert [[path.read_bytes() for path in row] for row in found] == [*sent.values(), []]
    assert {path.parent for row in found for path in row} == {tmp_path.resolve() / ADDED}
    assert read_images(rows.drop("image"), folder) == {}


def test_a_folder_without_the_image_is_refused(images, tmp_path):
    rows = pl.DataFrame({"item_id": [3], "image": ["0.png|gone.png"]})
    with pytest.raises(ValueError, match=r"image of 3 must be in .*; got 'gone\.png'"):
        read_images(rows, images[0].parent)
    with pytest.raises(ValueError, match=r"expects a folder, or bytes by item id; got .*none"):
        read_images(rows, tmp_path / "none")


@pytest.mark.parametrize(
    ("kind", "suffix"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif")]
)
def test_all_formats_of_a_folder_can_be_sent(catalog, kind, suffix):
    data = BytesIO()
    Image.new("RGB", (4, 4), "red").save(data, kind)
    rows = pl.DataFrame({"item_id": [3], "image": [f"3.{suffix}"]})
    frame, files = with_images(rows, {3: data.getvalue()}, catalog)
    write_images(files)
    assert frame["image"][0].endswith(f".{suffix}")
    new = Catalog(frame, catalog.images)
    assert load_image(new.image_path(3)).size == (4, 4)


def test_the_folder_of_the_catalogue_must_be_there(catalog, images):
    gone = Catalog(catalog.frame, catalog.images / "gone")
    with pytest.raises(ValueError, match=r"the catalogue's folder of images; got .*gone, which is"):
        with_images(pl.DataFrame({"item_id": [3]}), {3: images[0].read_bytes()}, gone)


def test_items_that_name_files_that_do_not_exist_are_counted(catalog, images, caplog):
    (catalog.images / "1.jpg").write_bytes(images[0].read_bytes())
    catalog.append({"item_id": [3, 4], "image": ["gone.png", "also.png"]})
    warn_of_missing_images(catalog, [1, 2])
    warn_of_missing_images(catalog, [1, 2, 3, 4])
    warn_of_missing_images(Catalog(catalog.frame), [3])
    said = "2 of 4 items name an image file that does not exist, first that of 3"
    assert caplog.messages == [said]
