"""Checkpoints are loaded as far as they are needed; ``test_families.py`` has their vectors."""

import json

import pytest
import torch
import transformers as hf

from mmrec.encoders import ImageEncoder, TextEncoder, TextTransform
from mmrec.encoders.huggingface import build_text_model, load_text_model, load_tokenizer


@pytest.mark.parametrize("family", ["t5", "clip", "siglip"])
def test_the_other_half_is_never_built(family, checkpoint, monkeypatch):
    unused = {
        "t5": [hf.T5Model, hf.T5ForConditionalGeneration],
        "clip": [hf.CLIPModel, hf.CLIPVisionModel],
        "siglip": [hf.SiglipModel, hf.SiglipVisionModel],
    }
    folder = str(checkpoint(family))
    backbone = load_text_model(folder)[0]
    for kind in unused[family]:
        monkeypatch.setattr(kind, "__init__", None)
    again = load_text_model(folder)[0]
    built = build_text_model(backbone.config.to_dict(), type(backbone).__name__)
    for model in (again, built):
        assert type(model) is type(backbone)
        assert not any("decoder" in key or "vision" in key for key in model.state_dict())
        assert model.state_dict().keys() == backbone.state_dict().keys()


def test_models_that_are_not_supported(checkpoint, tmp_path):
    folder = checkpoint("bert")
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    hf.BlipConfig().save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match=r"must read text alone, or be CLIP or SigLIP; got .* 'blip"
    ):
        load_text_model(str(tmp_path))
    config = hf.BertConfig.from_pretrained(folder)
    config.num_hidden_layers = 3
    config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="weights that its checkpoint lacks; 16 are missing, such"):
        load_text_model(str(tmp_path))


def test_the_encoder_of_bart(tmp_path):
    config = hf.BartConfig(
        vocab_size=30, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16,
        max_position_embeddings=32,
    )  # fmt: skip
    built = build_text_model(config.to_dict(), "BartEncoder")
    assert type(built).__name__ == "BartEncoder"
    assert all(parameter.device.type == "cpu" for parameter in built.parameters())


def test_a_tokenizer_pads_on_the_right(checkpoint):
    assert all(
        load_tokenizer(str(checkpoint(family))).padding_side == "right"
        for family in ("bert", "gpt2")
    )


@pytest.mark.parametrize("name", ["/no/such/folder", "no/such"])
def test_a_model_that_is_not_there(name, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(OSError, match=f"the text model '{name}' cannot be found"):
        TextEncoder.from_pretrained(name)
    with pytest.raises(OSError, match=r"the image model .* or give the timm name of a model"):
        ImageEncoder.from_pretrained(name)


def test_attention_that_would_be_downloaded_is_refused(checkpoint, tmp_path):
    folder = checkpoint("bert")
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"attn_implementation": "a/kernel"}))
    with pytest.raises(ValueError, match="names 'a/kernel', whose code would be downloaded"):
        load_text_model(str(tmp_path))


def test_the_width_is_that_of_the_output():
    config = hf.OPTConfig(
        vocab_size=30, hidden_size=16, word_embed_proj_dim=8, ffn_dim=16, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=32,
    )  # fmt: skip
    backbone = hf.OPTModel(config)
    encoder = TextEncoder(backbone, TextTransform("opt", 9), pooling="mean")
    ids = torch.tensor([[2, 5, 3]])
    assert encoder({"input_ids": ids, "attention_mask": ids.sign()}).shape == (1, encoder.dim)
