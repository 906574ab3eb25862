"""The image towers of CLIP and SigLIP."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers as hf
from PIL import Image
from torch import nn

from mmrec.encoders import ImageEncoder, ImageTransform, TextEncoder

FAMILIES = ("clip", "siglip")


@pytest.fixture(scope="module")
def load(checkpoint):
    made = {name: ImageEncoder.from_pretrained(str(checkpoint(name))) for name in FAMILIES}
    return made.__getitem__


@pytest.mark.parametrize("family", FAMILIES)
def test_a_vector_is_what_transformers_gives(family, load, checkpoint, images):
    encoder, folder = load(family), checkpoint(family)
    pixels = encoder.transform(images)
    whole = hf.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        expected = whole.get_image_features(pixel_values=pixels).pooler_output
    assert torch.allclose(encoder(pixels), expected, atol=1e-5)
    assert encoder.dim == TextEncoder.from_pretrained(str(folder)).dim


@pytest.mark.parametrize("family", FAMILIES)
def test_pixels_are_those_of_its_own_processor(family, load, checkpoint, images):
    processor = hf.AutoImageProcessor.from_pretrained(checkpoint(family))
    wide = images[2:]  # narrower ones are scaled up, which torchvision does with another kernel
    pictures = [Image.open(path).convert("RGB") for path in wide]
    expected = torch.as_tensor(np.asarray(processor(pictures, return_tensors="pt").pixel_values))
    pixels = load(family).transform(wide)
    assert (pixels - expected).abs().max() < 1.01 / (255 * 0.26)  # one step of a color


def test_preprocessing(load):
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    assert load("clip").transform == ImageTransform(32, 32 / 36, "bicubic", mean, std)
    half = (0.5, 0.5, 0.5)
    assert load("siglip").transform == ImageTransform(32, 1.0, "bicubic", half, half, squash=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_architecture_takes_the_weights(family, load, images):
    encoder = load(family)
    again = ImageEncoder.from_architecture(json.loads(json.dumps(encoder.architecture())))
    again.load_state_dict(encoder.state_dict(), strict=True)
    pixels = encoder.transform(images[:3])
    assert torch.equal(again(pixels), encoder(pixels))
    assert again.fingerprint() == encoder.fingerprint()
    assert ImageEncoder(nn.Flatten(), ImageTransform(4)).architecture() is None


@pytest.mark.parametrize("family", FAMILIES)
def test_the_text_tower_is_never_built(family, checkpoint, load, monkeypatch):
    architecture = load(family).architecture()
    for kind in (hf.CLIPModel, hf.CLIPTextModel, hf.SiglipModel, hf.SiglipTextModel):
        monkeypatch.setattr(kind, "__init__", None)
    ImageEncoder.from_pretrained(str(checkpoint(family)))
    ImageEncoder.from_architecture(architecture)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_last_block_learns(family, checkpoint, images):
    encoder = ImageEncoder.from_pretrained(str(checkpoint(family)), tuning="last-1").train()
    encoder(encoder.transform(images[:2])).sin().sum().backward()
    for name, parameter in encoder.named_parameters():
        late = "embeddings" not in name and "layers.0" not in name and "pre_layrnorm" not in name
        assert parameter.requires_grad == late, name
        assert (parameter.grad is not None) == late, name


@pytest.mark.parametrize("family", FAMILIES)
def test_trained_layers_alone_start_in_training_mode(family, checkpoint):
    encoder = ImageEncoder.from_pretrained(str(checkpoint(family)), tuning="last-1")
    modes = {
        name[-8:]: p.training
        for name, p in encoder.named_modules()
        if name[:-1].endswith("layers.")
    }
    assert modes == {"layers.0": False, "layers.1": True}


def test_a_model_of_another_kind(checkpoint, tmp_path):
    with pytest.raises(
        ValueError, match="a timm model, CLIP or SigLIP; got a model of type 'bert'"
    ):
        ImageEncoder.from_pretrained(str(checkpoint("bert")))
    shutil.copytree(checkpoint("clip"), tmp_path / "clip")
    for file in (tmp_path / "clip").glob("*processor*"):
        file.unlink()
    with pytest.raises(OSError, match=r"preprocessing of the image model .* cannot be found"):
        ImageEncoder.from_pretrained(str(tmp_path / "clip"))
    with pytest.raises(OSError, match=r"image model .* cannot be found"):
        ImageEncoder.from_pretrained(str(tmp_path / "gone"))
