import numpy as np
import pytest
import torch

from mmrec.data import Catalog
from mmrec.encoders import FeatureEncoder, IdEncoder, TextEncoder
from mmrec.recommender.content import describe
from mmrec.recommender.new_items import encode_rows, rebuild_encoders


def rows(*titles, images=None, **columns):
    values = {"item_id": [f"n{i}" for i in range(len(titles))], "title": list(titles), **columns}
    return Catalog(values | ({"image": ["0.png"] * len(titles)} if images else {}), images)


def test_rebuilt_encoders_fit_the_weights(options):
    chosen = options(modalities=("id", "text", "image"), tuning="full")
    text = describe(TextEncoder.from_pretrained(chosen.text_encoder), chosen)
    encoders = rebuild_encoders(
        chosen, {"feature_dims": {"image": 7}, "encoders": {"text": text}}, 5
    )
    assert isinstance(encoders["id"], IdEncoder)
    assert encoders["id"].vocabulary_size == 5
    assert isinstance(encoders["text"], TextEncoder)
    assert isinstance(encoders["image"], FeatureEncoder)
    assert encoders["image"].dim_in == 7


def test_the_content_of_a_known_item_gives_its_vector(by_content, images):
    made = by_content
    frame = made.catalog.frame.with_columns(item_id="n" + made.catalog.frame["item_id"])
    new = Catalog(frame, images[0].parent)
    vectors, contributions = encode_rows(made.model, made.options, made.config, new)
    assert torch.allclose(vectors, made.vectors[1:], atol=1e-5)
    for name, share in made.modality_contributions.items():
        assert torch.allclose(contributions[name], share[1:], atol=1e-3)


def test_given_features_need_no_encoder(by_content, images, monkeypatch):
    made = by_content
    monkeypatch.setattr("mmrec.recommender.new_items.raw_encoder", None)
    new = rows("red shoes a", "", images=images[0].parent)
    width = made.config["feature_dims"]
    features = {name: np.full((2, dim), 0.5) for name, dim in width.items()}
    vectors, _ = encode_rows(made.model, made.options, made.config, new, features)
    assert torch.equal(vectors[0], vectors[1])
    with pytest.raises(ValueError, match=r"features of image must be \(2, .* got \(1, 3\)"):
        encode_rows(
            made.model, made.options, made.config, new, features | {"image": np.ones((1, 3))}
        )
    with pytest.raises(ValueError, match="features must be those of frozen encoders"):
        encode_rows(made.model, made.options, made.config, new, {"sound": np.ones((2, 3))})


def test_what_is_missing_is_missing(by_content, images):
    made = by_content
    new = rows("red shoes a", "", images=images[0].parent)
    vectors, _ = encode_rows(made.model, made.options, made.config, new)
    assert vectors.isfinite().all()
    assert not torch.allclose(vectors[0], vectors[1], atol=1e-3)
    bare = Catalog({"item_id": ["n"]}, images[0].parent)  # neither column is there
    nothing, _ = encode_rows(made.model, made.options, made.config, bare)
    assert nothing.isfinite().all()


def test_items_of_which_the_model_sees_nothing_are_named(by_content, by_id, images, caplog):
    def added(made, new):
        caplog.clear()
        encode_rows(made.model, made.options, made.config, new)
        return [record.message for record in caplog.records]

    new = rows("lamp", "", images=images[0].parent)
    assert added(by_content, new) == []  # the second has an image
    bare = Catalog({"item_id": ["n", "m"], "title": ["lamp", None]})
    (message,) = added(by_content, bare)
    assert message.startswith("the model knows items by text and image, and 1 of the new ones have")
    assert "first ['m']" in message
    (message,) = added(by_id, rows("lamp"))
    assert message.startswith("the model knows items by id, and 1 of the new ones")


def test_another_encoder_than_that_of_the_run(by_content, images):
    made = by_content
    encoders = {n: d | {"fingerprint": "0" * 64} for n, d in made.config["encoders"].items()}
    with pytest.raises(ValueError, match="the text encoder must have the fingerprint 000000000000"):
        encode_rows(
            made.model,
            made.options,
            made.config | {"encoders": encoders},
            rows("lamp", images=images[0].parent),
        )


@pytest.mark.parametrize("tuning", ["frozen", "last-1"])
def test_a_damaged_picture_counts_as_missing(fit, tmp_path, caplog, tuning):
    made = fit(modalities=("text", "image"), tuning=tuning, epochs=1, log={"users": 12})
    (tmp_path / "0.png").write_bytes(b"no image")
    new = rows("lamp", images=tmp_path)
    damaged, _ = encode_rows(made.model, made.options, made.config, new)
    without, _ = encode_rows(made.model, made.options, made.config, rows("lamp"))
    assert torch.equal(damaged, without)
    assert "item n0: image left out" in caplog.text
