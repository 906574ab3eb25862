import logging

import numpy as np
import pytest

from mmrec.data import Catalog
from mmrec.recommender import Options, Recommender
from mmrec.recommender.content import (
    CategoryModality,
    Context,
    ImageModality,
    NumberModality,
    TextModality,
    VectorsModality,
    modalities_of,
    read_content,
    those_of,
)
from mmrec.recommender.content.read import warn_of_problems


def made_of(modalities, encoders=None, **options):
    return modalities_of(Options(modalities=modalities, **options), encoders)


def test_columns_names_and_options_reach_the_modalities():
    made = made_of(
        "id,text:title,text:brand+title,sort=category:genres+brand,number:price,image:front,"
        "clip=vectors:data/clip.npy",
        pooling="max",
        text_length=16,
        category_buckets=5,
    )
    assert list(made) == [
        *("id", "text:title", "text:brand+title", "sort", "number:price", "image:front", "clip")
    ]
    assert made["text:title"].template == "{title}"
    assert made["text:brand+title"].template == "{brand}. {title}"
    assert (made["text:title"].pooling, made["text:title"].max_length) == ("max", 16)
    assert (made["sort"].columns, made["sort"].buckets) == (["genres", "brand"], 5)
    assert made["number:price"].columns == ["price"]
    assert made["image:front"].columns == ["front"]
    assert made["clip"].source == "data/clip.npy"


def test_what_is_given_for_a_kind_holds_for_all_its_modalities():
    made = made_of("text:title,text:brand", {"text": "x/y", "text:brand": "a/b"})
    assert [made[name].encoder for name in made] == ["x/y", "a/b"]
    made = made_of("text:title,text", {"text:title": TextModality, "text": "x/y"})
    assert [type(made[name]) for name in made] == [TextModality, TextModality]
    assert made["text:title"].template == "{title}"
    own = NumberModality("price")
    assert made_of(("id", "cost"), {"cost": own})["cost"] is own


@pytest.mark.parametrize(
    ("modalities", "message"),
    [
        ("id:brand", "modality 'id' takes no columns; got 'id:brand'"),
        ("audio:x", "modality 'audio:x' must be one of"),
        ("vectors", "modality 'vectors' must name a column or a file"),
        ("a=number:x,a=number:y", r"must have different names; got \['a'\]"),
        ("text:", "must be written as kind"),
    ],
)
def test_what_is_refused(modalities, message):
    with pytest.raises(ValueError, match=message):
        made_of(modalities)


def test_modalities_that_nobody_named_are_those_that_items_have(chain, options, tmp_path, caplog):
    events, items = chain(users=12)
    bare = {"item_id": items["item_id"], "size": list(range(12))}
    chosen = options(epochs=1).replace(modalities=None)
    made = Recommender.fit(events, bare, options=chosen, negatives="full")
    assert made.options.modalities == ("id",)
    (said,) = [message for message in caplog.messages if message.startswith("modalities: ")]
    assert said.startswith(
        "modalities: id (text is left out: no column has the usual name of a text"
    )
    assert said.endswith("image is left out: none names an image in the column image)")
    own = {"size": NumberModality("size")}
    also = Recommender.fit(events, bare, options=chosen, negatives="full", encoders=own)
    assert also.options.modalities == ("id", "size")
    also.save(tmp_path / "run")
    assert Recommender.load(tmp_path / "run").recommend(["i1"], 3) == also.recommend(["i1"], 3)


def test_modalities_that_somebody_named_must_be_there():
    catalog = Catalog({"item_id": ["a"], "title": [" "]})
    made = modalities_of(Options())
    assert list(those_of(catalog, made)) == ["id"]
    assert list(those_of(catalog, made, ["image"])) == ["id", "image"]
    context = Context(4, np.array([1]))
    for name, modality in (
        ("number", NumberModality()),
        ("category", CategoryModality()),
        ("vectors", VectorsModality("clip")),
    ):
        with pytest.raises(ValueError, match=f"modality '{name}' must find"):
            read_content({"x": modality}, catalog, context)


def test_columns_that_exist_are_looked_into(images, tmp_path):
    def left(columns, folder):
        catalog = Catalog({"item_id": ["a", "b"]} | columns, folder)
        both = {"text": TextModality(), "image": ImageModality()}
        return {name for name in both if name not in those_of(catalog, both)}

    folder = images[0].parent
    assert left({"title": ["x", None], "image": ["0.png", None]}, folder) == set()
    assert left({"genres": [["x"], None], "images": [["no.png", "0.png"], None]}, folder) == set()
    assert left({"title": [" ", None], "image": ["no.png", None]}, folder) == {"text", "image"}
    assert left({"title": ["x", None], "image": ["0.png", None]}, None) == {"image"}
    assert left({"title": ["x", None], "image": ["0.png", None]}, tmp_path / "x") == {"image"}
    assert left({"name": ["x", None], "image": [b"image", None]}, None) == set()


def test_two_modalities_share_one_frozen_encoder(bert_folder, monkeypatch):
    loads = []
    load = TextModality.load
    monkeypatch.setattr(TextModality, "load", lambda self: loads.append(1) or load(self))
    catalog = Catalog({"item_id": ["a", "b"], "title": ["red", "blue"], "brand": ["hat", "lamp"]})
    # A built tokenizer of its own, so that no other test has loaded this encoder.
    made = made_of("text:title,text:brand", {"text": str(bert_folder)}, pooling="max")
    content = read_content(made, catalog, Context(4, np.array([1, 2])))
    assert len(loads) == 1
    first, second = (content.sources[name].load(np.array([1, 2])) for name in made)
    assert not np.allclose(first, second)


def test_problems_are_one_line_a_kind(caplog):
    catalog = Catalog({"item_id": range(2000)})
    problems = {row: f"image {row}.jpg does not exist" for row in range(1500)}
    problems |= {1600: "image 1600.jpg is damaged"}
    with caplog.at_level(logging.WARNING):
        reasons = warn_of_problems("image", catalog, problems)
    assert len(reasons) == 1501
    assert caplog.messages == [
        "modality 'image': 1,500 of 2,000 items name missing files, first 0: image 0.jpg does not "
        "exist; 1: image 1.jpg does not exist; 2: image 2.jpg does not exist",
        "modality 'image': 1 of 2,000 items have values that are left out, first 1600: image "
        "1600.jpg is damaged",
    ]


def test_a_typing_error_in_a_name_is_met_with_the_names_that_exist():
    own = {"sound": CategoryModality("kind")}
    with pytest.raises(
        ValueError, match=r"'imagee' \(did you mean 'image'\?\) must be one of \['c"
    ):
        made_of("id,imagee")
    said = r"encoders must be of modalities in use, \['id', 'sounds'\]; got \['sound'\] \(did you"
    with pytest.raises(ValueError, match=said):
        made_of(("id", "sounds"), own)
    said = (
        r"modality 'sond' \(did you mean 'sound'\?\) must be .* in encoders, which has \['sound'\]"
    )
    with pytest.raises(ValueError, match=said):
        made_of(("sound", "sond"), own)
