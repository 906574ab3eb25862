import pytest
import torch

from mmrec.data import Catalog
from mmrec.encoders import FeatureEncoder, IdEncoder, TextEncoder
from mmrec.recommender.content import describe
from mmrec.recommender.newcomers import encode_rows, rebuild_encoders


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


def test_the_content_of_a_known_item_gives_its_vector(by_content, pictures):
    made = by_content
    frame = made.catalog.frame.with_columns(item_id="n" + made.catalog.frame["item_id"])
    vectors = encode_rows(made.model, made.options, made.config, Catalog(frame, pictures[0].parent))
    assert torch.allclose(vectors, made.vectors[1:], atol=1e-5)


def test_what_is_missing_is_missing(by_content, pictures):
    made = by_content
    new = rows("red shoes a", "", images=pictures[0].parent)
    vectors = encode_rows(made.model, made.options, made.config, new)
    assert vectors.isfinite().all()
    assert not torch.allclose(vectors[0], vectors[1], atol=1e-3)
    bare = Catalog({"item_id": ["n"]}, pictures[0].parent)  # neither column is there
    nothing = encode_rows(made.model, made.options, made.config, bare)
    assert nothing.isfinite().all()


def test_another_encoder_than_that_of_the_run(by_content, pictures):
    made = by_content
    encoders = {n: d | {"fingerprint": "0" * 64} for n, d in made.config["encoders"].items()}
    with pytest.raises(ValueError, match="the text encoder must have the fingerprint 000000000000"):
        encode_rows(
            made.model,
            made.options,
            made.config | {"encoders": encoders},
            rows("lamp", images=pictures[0].parent),
        )


@pytest.mark.parametrize("tuning", ["frozen", "last-1"])
def test_a_damaged_picture_counts_as_missing(fit, tmp_path, caplog, tuning):
    made = fit(modalities=("text", "image"), tuning=tuning, epochs=1, log={"users": 12})
    (tmp_path / "0.png").write_bytes(b"no picture")
    new = rows("lamp", images=tmp_path)
    damaged = encode_rows(made.model, made.options, made.config, new)
    without = encode_rows(made.model, made.options, made.config, rows("lamp"))
    assert torch.equal(damaged, without)
    assert "item n0: picture left out" in caplog.text
