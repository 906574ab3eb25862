import logging
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from mmrec.data import Catalog
from mmrec.encoders import IdEncoder, ImageEncoder, TextEncoder
from mmrec.recommender.content import (
    Context,
    ImageModality,
    TextModality,
    modalities_of,
    trains_encoders,
)
from mmrec.recommender.content import read_content as read

TRAINED = np.array([1, 2, 5])


@pytest.fixture
def read_content(bert_folder, tiny_encoders):
    """Read a catalogue with small encoders."""

    def run(options, catalog, trained, *, cache):
        given = {"text": str(bert_folder), "image": "test_vit"}
        used = {name: value for name, value in given.items() if name in options.modalities}
        return read(modalities_of(options, used), catalog, Context(options.dim, trained, cache))

    return run


@pytest.fixture
def catalog(images, tmp_path):
    """Five items: the second without text, the fourth without image, the fifth's is damaged."""
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(images[number].read_bytes())
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    rows = {
        "item_id": ["a", "b", "c", "d", "e"],
        "title": ["red shoes", None, "lamp", "lamp", "the hat " * 20_000],
        "brand": ["blue", "", None, "", None],
        "image": ["0.png", "1.png", "2.png", None, "bad.jpg"],
    }
    return Catalog(rows, tmp_path)


def test_ids_are_those_of_trained_items(read_content, options, catalog):
    content = read_content(options(), catalog, TRAINED, cache=None)
    assert isinstance(content.encoders["id"], IdEncoder)
    assert content.encoders["id"].vocabulary_size == 3
    assert content.sources["id"].table.tolist() == [0, 1, 2, 0, 0, 3]
    assert content.problems == {}
    assert content.facts == {"id": {"vocabulary_size": 3, "dim": 16}}


def test_frozen_encoders_become_features(
    read_content, options, catalog, tmp_path, caplog, bert_folder
):
    chosen = options(modalities=("text", "image"), tuning="frozen")
    with caplog.at_level(logging.WARNING):
        content = read_content(chosen, catalog, TRAINED, cache=tmp_path / "cache")
    assert content.sources["text"].present.tolist() == [False, True, False, True, True, True]
    assert content.sources["image"].present.tolist() == [False, True, True, True, False, False]
    assert list(content.problems["image"]) == ["e"]
    assert content.cut_texts == 1
    assert "modality 'image': 1 of 5 items have values that are left out, first e" in caplog.text
    assert [content.facts[n]["feature_dim"] for n in ("text", "image")] == [32, 64]
    text = content.sources["text"].load(np.array([3, 4, 1]))
    assert torch.equal(text[0], text[1])  # the same text, the same features
    encoder = TextEncoder.from_pretrained(str(bert_folder))
    with torch.no_grad():
        expected = encoder(encoder.transform(["red shoes. blue"]))[0]
    assert torch.allclose(text[2], expected, atol=1e-5)
    assert content.facts["text"]["fingerprint"] == encoder.fingerprint()
    # Fitted to the trained items that have the modality.
    fitted = content.encoders["text"](content.sources["text"].load(np.array([1, 5])))
    assert fitted.mean(0).abs().max() < 1e-4
    again = read_content(chosen, catalog, TRAINED, cache=tmp_path / "cache")
    assert torch.equal(
        again.sources["text"].load(np.array([1, 5])),
        text.new_tensor(content.sources["text"].load(np.array([1, 5])).tolist()),
    )


def test_trained_encoders_keep_their_input_raw(read_content, options, catalog):
    content = read_content(
        options(modalities=("text", "image"), tuning="full"), catalog, TRAINED, cache=None
    )
    assert isinstance(content.encoders["text"], TextEncoder)
    assert isinstance(content.encoders["image"], ImageEncoder)
    assert content.sources["image"].present.tolist() == [False, True, True, True, False, False]
    assert list(content.problems["image"]) == ["e"]
    assert content.sources["text"].load(np.array([1, 5]))["input_ids"].shape == (2, 128)
    assert content.sources["image"].load(np.array([1])).ndim == 4
    assert "feature_dim" not in content.facts["text"]
    # Only training sees changed images.
    assert content.train_sources["image"].transform.augment
    assert not content.sources["image"].transform.augment
    assert content.train_sources["text"] is content.sources["text"]


def test_a_modality_that_no_item_has_is_refused(read_content, options, tmp_path):
    empty = Catalog({"item_id": ["a", "b"], "title": ["", None]}, tmp_path)
    with pytest.raises(ValueError, match="modality 'text': none of the 2 items has it"):
        read_content(options(modalities=("text",)), empty, np.array([1]), cache=None)


@pytest.mark.parametrize("tuning", ["frozen", "full"])
def test_the_error_says_why_no_item_has_an_image(read_content, options, tmp_path, tuning):
    def refused(image, images):
        rows = {"item_id": ["a", "b", "c"]} | ({} if image is None else {"image": image})
        chosen = options(modalities=("image",), tuning=tuning)
        with pytest.raises(ValueError, match="'image': none of the 3 items has it: ") as error:
            read_content(chosen, Catalog(rows, images), np.array([1]), cache=None)
        return str(error.value).split("has it: ")[1]

    some = ["a.png", " ", "c.png"]
    assert refused(None, tmp_path) == "none names an image in the column image"
    assert refused([None, "", None], tmp_path) == "none names an image in the column image"
    assert refused(some, None).startswith("2 of them name an image, and images is None; give")
    assert refused(some, tmp_path / "x") == (
        f"2 of them name an image, and there is no folder {tmp_path / 'x'}"
    )
    assert refused(some, tmp_path).startswith("2 of them name an image, and none is in")


def facts(catalog, **how):
    return TextModality(**how).extra_facts(catalog, None)


def test_the_template_is_written_down(catalog):
    assert facts(catalog) == {"template": "{title}. {brand}"}
    assert facts(catalog, template="{brand}") == {"template": "{brand}"}
    with pytest.raises(ValueError, match="no column has the usual name of a text"):
        facts(Catalog({"item_id": [1]}))


def test_texts_are_put_together_and_cut(catalog):
    texts = TextModality().values(catalog, facts(catalog))
    assert texts[:4] == ["red shoes. blue", "", "lamp", "lamp"]
    assert 1000 < len(texts[4]) <= 10_000
    with pytest.raises(ValueError, match="template columns \\['color'\\] don't exist"):
        TextModality().values(catalog, facts(catalog, template="{color}"))


def test_a_frozen_encoder_is_loaded_once_a_process(bert_folder, monkeypatch):
    first = TextModality(str(bert_folder)).pretrained()
    monkeypatch.setattr(TextModality, "load", None)
    assert TextModality(str(bert_folder)).pretrained() is first
    assert TextModality(str(bert_folder)).loaded() is first
    assert TextModality(str(bert_folder), columns="title").pretrained() is first
    for other in ({"pooling": "cls"}, {"tuning": "full"}):
        with pytest.raises(TypeError):
            TextModality(str(bert_folder), **other).pretrained()


def test_two_threads_load_an_encoder_once(bert_folder, tmp_path, monkeypatch):
    folder = tmp_path / "bert"
    shutil.copytree(bert_folder, folder)
    loads, load = [], TextModality.load

    def slowly(self):
        loads.append(self)
        time.sleep(0.2)
        return load(self)

    monkeypatch.setattr(TextModality, "load", slowly)
    with ThreadPoolExecutor(2) as pool:
        made = [pool.submit(TextModality(str(folder)).loaded) for _ in range(2)]
        first, second = (one.result() for one in made)
    assert first is second
    assert len(loads) == 1


def test_a_seed_draws_the_same_whether_an_encoder_was_loaded_or_not(monkeypatch):
    def load(self):  # as timm does: first weights are drawn
        return ImageEncoder.from_timm(self.encoder, pretrained=False)

    monkeypatch.setattr(ImageModality, "load", load)

    def drawn(seed):
        torch.manual_seed(seed)
        ImageModality("test_vit2").pretrained()
        return torch.rand(3)

    first, other = drawn(5), drawn(6)
    for _ in range(2):
        assert torch.equal(drawn(5), first)
        assert torch.equal(drawn(6), other)
    torch.manual_seed(5)
    ImageModality("test_vit2").loaded()  # draws nothing
    untouched = torch.rand(3)
    assert not torch.equal(untouched, first)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), untouched)


def test_an_encoder_whose_files_have_changed_is_loaded_anew(bert_folder, tmp_path):
    folder = tmp_path / "bert"
    shutil.copytree(bert_folder, folder)
    first = TextModality(str(folder)).pretrained()
    weights = next(folder.glob("*.safetensors"))
    weights.touch()
    assert TextModality(str(folder)).pretrained() is not first


def test_whether_an_encoder_is_trained_is_asked_of_the_modalities(options):
    def trains(given=None, **changes):
        return trains_encoders(modalities_of(options(**changes), given))

    assert trains(modalities=("id", "text"), tuning="full")
    assert not trains(modalities=("id", "text"), tuning="frozen")
    assert not trains(modalities=("id",), tuning="full")
    assert trains({"words": TextModality("x", tuning="last-1")}, modalities=("words",))
    assert not trains({"text": TextModality("x")}, modalities=("text",), tuning="full")


def test_unknown_modalities(options):
    with pytest.raises(
        ValueError, match=r"'audio' must be one of \['category', .*or have a Modality"
    ):
        modalities_of(options(modalities=("audio",)))
    with pytest.raises(ValueError, match=r"encoders must be of modalities in use, \['id'\]; got"):
        modalities_of(options(), {"text": "x"})


def test_items_that_are_added_hash_no_weights_again(by_content, monkeypatch):
    items = by_content.catalog.frame.head(1).drop("item_id").to_dicts()[0]
    rows = [Catalog([{"item_id": f"n{n}", **items, "title": f"hat {n}"}]) for n in range(2)]
    rows = [Catalog(one.frame, by_content.catalog.images) for one in rows]
    by_content.state.encode(rows[0])
    hashed = []
    for kind in (TextEncoder, ImageEncoder):
        monkeypatch.setattr(kind, "fingerprint", lambda encoder: hashed.append(encoder) or "")
    vectors, *_ = by_content.state.encode(rows[1])
    assert len(vectors) == 1
    assert hashed == []
