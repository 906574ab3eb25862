from dataclasses import replace

import numpy as np
import pytest
import torch

from mmrec.data import Catalog


def rows(*titles, images=None, **columns):
    values = {"item_id": [f"n{i}" for i in range(len(titles))], "title": list(titles), **columns}
    return Catalog(values | ({"image": ["0.png"] * len(titles)} if images else {}), images)


def test_the_content_of_a_known_item_gives_its_vector(by_content, images):
    made = by_content
    frame = made.catalog.frame.with_columns(item_id="n" + made.catalog.frame["item_id"])
    new = Catalog(frame, images[0].parent)
    vectors, contributions = made.state.encode(new)
    assert torch.allclose(vectors, made.vectors[1:], atol=1e-5)
    for name, share in made.state.modality_contributions.items():
        assert torch.allclose(contributions[name], share[1:], atol=1e-3)


def test_given_features_need_no_encoder(by_content, images, monkeypatch):
    made = by_content
    monkeypatch.setattr("mmrec.recommender.content.TextModality.loaded", None)
    new = rows("red shoes a", "", images=images[0].parent)
    width = {n: m.facts["feature_dim"] for n, m in made.state.modalities.items()}
    features = {name: np.full((2, dim), 0.5) for name, dim in width.items()}
    vectors, _ = made.state.encode(new, features)
    assert torch.equal(vectors[0], vectors[1])
    with pytest.raises(ValueError, match=r"features of image must be \(2, .* got \(1, 3\)"):
        made.state.encode(new, features | {"image": np.ones((1, 3))})
    with pytest.raises(ValueError, match="features must be those of frozen encoders"):
        made.state.encode(new, {"sound": np.ones((2, 3))})


def test_modalities_that_an_item_lacks_are_absent(by_content, images):
    made = by_content
    new = rows("red shoes a", "", images=images[0].parent)
    vectors, _ = made.state.encode(new)
    assert vectors.isfinite().all()
    assert not torch.allclose(vectors[0], vectors[1], atol=1e-3)
    bare = Catalog({"item_id": ["n"]}, images[0].parent)  # neither column is there
    nothing, _ = made.state.encode(bare)
    assert nothing.isfinite().all()


def test_items_of_which_the_model_sees_nothing_are_named(by_content, by_id, images, caplog):
    def added(made, new):
        caplog.clear()
        made.state.encode(new)
        return [record.message for record in caplog.records]

    new = rows("lamp", "", images=images[0].parent)
    assert added(by_content, new) == []  # the second has an image
    bare = Catalog({"item_id": ["n", "m"], "title": ["lamp", None]})
    (message,) = added(by_content, bare)
    assert message.startswith(
        "1 of the new items has none of the modalities of the model (text, image)"
    )
    assert "first ['m']" in message
    (message,) = added(by_id, rows("lamp"))
    assert message.startswith("1 of the new items has none of the modalities of the model (id)")


def test_another_encoder_than_that_of_the_run(by_content, images):
    modalities = {
        name: replace(fitted, facts={**fitted.facts, "fingerprint": "0" * 64})
        for name, fitted in by_content.state.modalities.items()
    }
    state = replace(by_content.state, modalities=modalities)
    with pytest.raises(ValueError, match="the text encoder must have the fingerprint 000000000000"):
        state.encode(rows("lamp", images=images[0].parent))


@pytest.mark.parametrize("tuning", ["frozen", "last-1"])
def test_a_damaged_image_counts_as_missing(fit, tmp_path, caplog, tuning):
    made = fit(modalities=("text", "image"), tuning=tuning, epochs=1, log={"users": 12})
    (tmp_path / "0.png").write_bytes(b"no image")
    new = rows("lamp", images=tmp_path)
    damaged, _ = made.state.encode(new)
    without, _ = made.state.encode(rows("lamp"))
    assert torch.equal(damaged, without)
    said = "modality 'image': 1 of 1 items have values that are left out, first n0: image"
    assert said in caplog.text
