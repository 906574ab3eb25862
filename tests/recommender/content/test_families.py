"""Small encoders of every family, from training to live items."""

from importlib.util import find_spec

import pytest
import torch

from mmrec import Recommender
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender.content import TextModality

needs_peft = pytest.mark.skipif(find_spec("peft") is None, reason="PEFT is not installed")
CASES = [
    ("bert", "frozen"),
    ("bert", "last-1"),
    ("test_vit", "frozen"),  # of timm
    ("test_vit", "last-1"),
    ("roberta", "frozen"),
    ("gpt2", "frozen"),
    ("qwen3", "frozen"),
    ("siglip", "frozen"),
    ("t5", "last-1"),
    ("clip", "last-1"),
    pytest.param("gpt2", "lora", marks=needs_peft),
    pytest.param("siglip", "lora-2", marks=needs_peft),
]


@pytest.mark.parametrize(("family", "tuning"), CASES)
def test_from_training_to_a_live_item(family, tuning, fit, checkpoint, tmp_path):
    used = {"clip": ("text", "image"), "siglip": ("text", "image"), "test_vit": ("image",)}
    used = used.get(family, ("text",))
    encoder = family if family == "test_vit" else str(checkpoint(family))
    made = fit(
        log={"users": 6, "steps": 6},
        modalities=used,
        encoders=dict.fromkeys(used, encoder),  # one checkpoint for both
        tuning=tuning,
        epochs=1,
        affinities=False,
        trend=False,
    )
    made.save(tmp_path / "run")
    live = RealtimeRecommender(Recommender.load(tmp_path / "run"))
    known = made.catalog.row("i5")
    live.add_items({"item_id": ["twin"], "title": [known["title"]], "image": [known["image"]]})
    vectors, row = live.snapshots.now.state.vectors, made.catalog.indices_of(["i5"])[0]
    assert torch.allclose(vectors[: len(made.vectors)], made.vectors, atol=1e-6)
    assert torch.allclose(vectors[-1], vectors[row], atol=1e-5)
    assert (vectors[1] - vectors[2]).abs().max() > 1e-4


def test_a_run_keeps_the_length_of_texts(fit, checkpoint, tmp_path):
    text = TextModality(str(checkpoint("gpt2")), max_length=2)
    log = {"users": 6, "steps": 6}
    fit(log=log, modalities=("text",), encoders={"text": text}, epochs=1).save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run").state.modalities["text"].modality
    assert again.init_args["max_length"] == 2
    assert again.loaded().transform.max_length == 2
    assert again.loaded().pooling == "last"
