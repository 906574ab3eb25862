import logging

import numpy as np
import polars as pl
import pytest
import torch

from mmrec.data import Catalog
from mmrec.encoders import ImageEncoder
from mmrec.recommender.content import Context, ImageModality

IDS = ["a", "b", "c"]


def prepare(rows, folder, *, ids=IDS, **how):
    catalog = Catalog({"item_id": ids} | rows, folder)
    context = Context(4, np.arange(1, len(ids) + 1))
    return ImageModality("test_vit", **how).prepare(catalog, context)


@pytest.fixture
def folder(images):
    return images[0].parent


@pytest.fixture
def alone(folder):
    """The features of each image on its own."""
    names = [f"{number}.png" for number in range(6)]
    made = prepare({"image": names}, folder, ids=names)
    return made.source.load(np.arange(1, 7))


def test_several_images_have_the_mean_of_their_features(folder, alone, caplog):
    columns = {"images": [["0.png", "1.png", "2.png"], ["3.png"], []]}
    made = prepare(columns, folder)
    assert made.source.present.tolist() == [False, True, True, False]
    found = made.source.load(np.array([1, 2]))
    assert torch.allclose(found[0], alone[:3].mean(dim=0), atol=1e-6)
    assert torch.allclose(found[1], alone[3], atol=1e-6)
    assert made.facts["feature_dim"] == found.shape[1]
    assert not caplog.messages
    texts = prepare({"image": ["0.png|1.png", "3.png", "4.png|gone.png"]}, folder)
    found = texts.source.load(np.array([1, 2, 3]))
    assert torch.allclose(found[0], alone[:2].mean(dim=0), atol=1e-6)
    assert torch.allclose(found[1:], alone[3:5], atol=1e-6)


def test_the_number_of_images_is_limited_and_said(folder, alone, caplog):
    columns = {"images": [["0.png", "1.png", "2.png"], ["3.png"], ["4.png"] * 4]}
    made = prepare(columns, folder, max_images=2)
    assert torch.allclose(made.source.load(np.array([1]))[0], alone[:2].mean(dim=0), atol=1e-6)
    assert "2 items have more than 2 images; 3 images are left out" in caplog.text
    one = prepare(columns, folder, max_images=1)
    assert torch.allclose(one.source.load(np.array([1]))[0], alone[0], atol=1e-6)
    with pytest.raises(ValueError, match="max_images must be 1 or more; got 0"):
        ImageModality(max_images=0)


def test_bytes_need_no_folder_and_have_the_features_of_the_file(images, alone):
    data = [path.read_bytes() for path in images[:3]]
    made = prepare({"image": [data[0], None, data[2]]}, None)
    assert made.source.present.tolist() == [False, True, False, True]
    assert torch.equal(made.source.load(np.array([1, 3])), alone[[0, 2]])
    structs = [{"bytes": part, "path": "x.png"} for part in data]
    assert torch.equal(prepare({"image": structs}, None).source.load(np.array([2]))[0], alone[1])


def test_the_folder_of_an_item(images, tmp_path, alone):
    for item, numbers in (("a", (0, 1)), ("c", (2,))):
        (tmp_path / item).mkdir()
        for number in numbers:
            (tmp_path / item / f"{number}.png").write_bytes(images[number].read_bytes())
    made = prepare({}, tmp_path)
    assert made.facts["folders"] is True
    assert made.source.present.tolist() == [False, True, False, True]
    assert torch.allclose(made.source.load(np.array([1]))[0], alone[:2].mean(dim=0), atol=1e-6)
    # Where a column names images, folders of that name are something else.
    (tmp_path / "0.png").write_bytes(images[0].read_bytes())
    named = prepare({"image": [None, "0.png", None]}, tmp_path)
    assert named.source.present.tolist() == [False, False, True, False]


def test_columns_by_name(folder, alone):
    columns = {"front": ["0.png", "1.png", None], "back": [None, "2.png", "3.png"]}
    made = prepare(columns, folder, columns=["front", "back"])
    found = made.source.load(np.array([1, 2, 3]))
    expected = torch.stack([alone[0], alone[1:3].mean(dim=0), alone[3]])
    assert torch.allclose(found, expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"must find the columns \['side'\]; items have"):
        prepare(columns, folder, columns="side")


def test_an_image_that_is_missing_among_several(folder, alone):
    made = prepare({"images": [["0.png", "no.png"], ["no.png", "none.png"], ["1.png"]]}, folder)
    assert made.source.present.tolist() == [False, True, False, True]
    assert torch.allclose(made.source.load(np.array([1]))[0], alone[0], atol=1e-6)
    assert made.problems[0].endswith("no.png does not exist")
    assert made.problems[1].startswith("2 values, first: image")


def test_a_trained_encoder_reads_the_first_readable_image(folder, caplog):
    columns = {"images": [["no.png", "0.png", "1.png"], ["2.png"], []]}
    with caplog.at_level(logging.WARNING):
        made = prepare(columns, folder, tuning="last-1")
    assert type(made.encoder) is ImageEncoder
    assert "1 item has several values, of which an encoder that is trained" in caplog.text
    assert made.source.present.tolist() == [False, True, True, False]
    pixels = made.source.load(np.array([1]))
    assert torch.equal(pixels, made.encoder.transform([folder / "0.png"]))


def test_a_column_of_addresses_is_no_column_of_images(folder):
    columns = {"images": [[{"large": "https://x"}]] * 3, "image": ["0.png", None, None]}
    assert prepare(columns, folder).source.present.tolist() == [False, True, False, False]


def test_nested_paths_in_bulk_are_counted_once(tmp_path, images):
    (tmp_path / "012").mkdir()
    (tmp_path / "012" / "0123.png").write_bytes(images[0].read_bytes())
    names = ["012/0123.png", "012/nope.png", None]
    made = prepare(pl.DataFrame({"image": names}).to_dict(as_series=False), tmp_path)
    assert made.source.present.tolist() == [False, True, False, False]
    assert list(made.problems) == [1]
