import json
from importlib.util import find_spec

import pytest
import timm
import torch
from torch import nn

from mmrec.encoders import ImageEncoder, TextEncoder, tune
from mmrec.encoders.lora import rank_of

needs_peft = pytest.mark.skipif(find_spec("peft") is None, reason="PEFT is not installed")
TEXTS = ["red shoes for the winter", "lamp"]
TEXT = ["bert", "t5", "gpt2", "qwen3", "siglip"]
IMAGE = ["clip", "siglip", "test_vit", "test_resnet"]
CASES = [("text", name) for name in TEXT] + [("image", name) for name in IMAGE]


@pytest.fixture
def make(checkpoint, images):
    """Return an encoder of a family with a tuning, and its inputs."""

    def run(kind, family, tuning):
        torch.manual_seed(0)
        if kind == "text":
            encoder = TextEncoder.from_pretrained(str(checkpoint(family)), tuning=tuning)
            return encoder.eval(), encoder.transform(TEXTS)
        if family in ("clip", "siglip"):
            encoder = ImageEncoder.from_pretrained(str(checkpoint(family)), tuning=tuning)
        else:
            encoder = ImageEncoder.from_timm(family, pretrained=False, tuning=tuning)
        return encoder.eval(), encoder.transform(images[:2])

    return run


def stir(encoder):
    """Give the adapters an effect."""
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)


@needs_peft
@pytest.mark.parametrize(("kind", "family"), CASES)
def test_adapters_alone_are_trained(kind, family, make):
    from peft.tuners.lora import LoraLayer

    plain, inputs = make(kind, family, "frozen")
    encoder, _ = make(kind, family, "lora-4")
    before = plain(inputs)
    kept = [name for name in encoder.state_dict() if "lora_" not in name]
    assert {name.replace(".base_layer", "") for name in kept} == plain.state_dict().keys()
    assert torch.allclose(encoder(inputs), before, atol=1e-6)  # they start without effect
    stir(encoder)
    adapted = encoder(inputs)
    assert (adapted - before).abs().max() > 1e-4

    encoder.train()(inputs).sin().sum().backward()
    trained = [name for name, p in encoder.named_parameters() if p.requires_grad]
    assert all("lora_" in name for name in trained)
    for name, parameter in encoder.named_parameters():
        assert (parameter.grad is not None) == (name in trained), name
        assert name not in trained or parameter.grad.isfinite().all(), name
        assert "lora_A" not in name or parameter.shape[0] == 4

    layers = [part for part in encoder.eval().modules() if isinstance(part, LoraLayer)]
    assert layers
    for layer in layers:
        layer.merge()
        assert layer.merged  # from here on the weight alone is used
    assert torch.allclose(encoder(inputs), adapted, atol=1e-4)


@needs_peft
@pytest.mark.parametrize("family", ["bert", "gpt2", "clip"])
def test_an_architecture_takes_the_weights(family, make):
    encoder, inputs = make("text", family, "lora")
    stir(encoder)
    values = json.loads(json.dumps(encoder.architecture()))
    again = TextEncoder.from_architecture(values, tuning="lora").eval()
    again.load_state_dict(encoder.state_dict(), strict=True)
    assert torch.equal(again(inputs), encoder(inputs))
    assert again.fingerprint() == encoder.fingerprint()


@needs_peft
def test_what_cannot_have_adapters():
    with pytest.raises(ValueError, match="expects linear layers or convolutions in the blocks"):
        tune(nn.Sequential(nn.Embedding(3, 2)), "lora")


def test_ranks():
    assert [rank_of(name) for name in ("lora", "lora-4", "lora-0", "lora-", "last-2")] == [
        8, 4, None, None, None,
    ]  # fmt: skip


def test_without_the_package(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr("mmrec.encoders.lora.import_module", missing)
    with pytest.raises(ImportError, match=r"'lora' needs PEFT: pip install 'mmrec\[lora\]'"):
        tune(timm.create_model("test_vit"), "lora")
