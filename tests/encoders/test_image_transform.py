import pickle

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform

from mmrec.data.images import ImageError
from mmrec.encoders import ImageTransform


def noise(width=90, height=60):
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    "image", [noise(), noise(60, 90), noise(20, 20), noise(301, 300)], ids=lambda p: str(p.size)
)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_as_timm_does(image, interpolation):
    want = create_transform(
        input_size=(3, 40, 40),
        crop_pct=0.9,
        interpolation=interpolation,
        mean=(0.1, 0.2, 0.3),
        std=(0.4, 0.5, 0.6),
    )(image)
    transform = ImageTransform(40, 0.9, interpolation, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert torch.allclose(transform([image])[0], want, atol=1e-5)


@pytest.mark.parametrize("image", [noise(), noise(60, 90)], ids=lambda p: str(p.size))
def test_squashed_as_timm_does(image):
    want = create_transform(
        input_size=(3, 40, 40), crop_pct=1.0, crop_mode="squash", interpolation="bicubic"
    )(image)
    transform = ImageTransform(40, 1.0, "bicubic", squash=True)
    assert torch.allclose(transform([image])[0], want, atol=1e-5)
    plain = ImageTransform(40, 1.0, "bicubic")
    assert transform.settings() != plain.settings()
    assert "squash" not in dict(plain.settings())  # as fingerprints of older features have it


def test_files_and_images(images):
    transform = ImageTransform(32)
    output = transform([images[0], Image.open(images[1]), str(images[2])])
    assert output.shape == (3, 3, 32, 32)
    assert output.dtype == torch.float32
    assert torch.equal(output[1], transform([images[1]])[0])
    assert transform([]).shape == (0, 3, 32, 32)


def test_as_torchvision_does_to_the_last_bit():
    """Features that were stored before stay true."""
    from torchvision.transforms import InterpolationMode, v2

    for interpolation in ("nearest", "bilinear", "bicubic", "lanczos"):
        steps = [v2.Resize(45, InterpolationMode(interpolation)), v2.CenterCrop(40)]
        for size in [(90, 60), (57, 91), (20, 31), (40, 300), (45, 45)]:
            want = v2.Compose([*steps, v2.PILToTensor()])(noise(*size))
            got = ImageTransform(40, 0.875, interpolation).crop(noise(*size))
            assert np.array_equal(got, want.permute(1, 2, 0).numpy())


def test_crops_are_stacked_in_channels_last_layout(images):
    transform = ImageTransform(32)
    output = transform.stack([transform.crop(image) for image in images[:3]])
    assert output.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(output, transform(images[:3]))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"interpolation": "sharp"}, r"one of nearest, .*; got 'sharp'"),
        ({"crop_pct": 1.5}, r"at most 1; got 1\.5"),
    ],
)
def test_wrong_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        ImageTransform(32, **fields)


def test_grey_becomes_rgb():
    output = ImageTransform(16, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))(
        [Image.new("L", (20, 20), 128)]
    )
    assert torch.allclose(output, torch.full((1, 3, 16, 16), 128 / 255))


def test_augmentation_is_random_and_only_on_request():
    image = noise()
    plain, augmented = ImageTransform(32), ImageTransform(32, augment=True)
    assert torch.equal(plain([image]), plain([image]))
    first, second = augmented([image, image])
    assert first.shape == (3, 32, 32)
    assert not torch.equal(first, second)
    assert first.isfinite().all()


def test_unreadable(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"not an image")
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        ImageTransform(32)([tmp_path / "bad.jpg"])


def test_pickled_as_its_fields():
    transform = ImageTransform(32, mean=(0.1, 0.2, 0.3))
    before = transform([noise()])
    again = pickle.loads(pickle.dumps(transform))
    assert again == transform
    assert torch.equal(again([noise()]), before)


def test_settings_tell_transforms_apart():
    assert ImageTransform(32).settings() == ImageTransform(32).settings()
    assert ImageTransform(32).settings() != ImageTransform(33).settings()
    assert ImageTransform().mean == timm.data.IMAGENET_DEFAULT_MEAN
