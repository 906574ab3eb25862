import numpy as np
import pytest

from mmrec.demo.shop.images import draw_image
from mmrec.demo.shop.products import VISUAL
from mmrec.demo.shop.shapes import SILHOUETTES


def pixels(shape, color, pattern, seed):
    image = draw_image(shape, color, pattern, np.random.default_rng(seed))
    return np.asarray(image).astype(float)


def middle(image):
    height, width, _ = image.shape
    return image[height * 2 // 5 : height * 3 // 5, width * 2 // 5 : width * 3 // 5]


def test_every_shape_has_a_silhouette_inside_the_image():
    assert tuple(SILHOUETTES) == VISUAL["shape"]
    for parts in SILHOUETTES.values():
        assert any(part.layer == "body" for part in parts)
        points = np.array([point for part in parts for point in part.points])
        assert points[:, 0].min() >= 0.05
        assert points[:, 0].max() <= 0.95
        assert points[:, 1].max() <= 0.9


@pytest.mark.parametrize("shape", VISUAL["shape"])
def test_images_are_small_square_rgb_and_deterministic(shape):
    image = draw_image(shape, "red", "checks", np.random.default_rng(0))
    assert image.mode == "RGB"
    assert image.width == image.height
    assert 128 <= image.width <= 192
    again = draw_image(shape, "red", "checks", np.random.default_rng(0))
    assert again.tobytes() == image.tobytes()


@pytest.mark.parametrize(
    ("color", "strongest"), [("red", 0), ("green", 1), ("blue", 2), ("yellow", None), ("pink", 0)]
)
def test_color_is_visible(color, strongest):
    for seed in range(4):
        mean = middle(pixels("t-shirt", color, "plain", seed)).mean(axis=(0, 1))
        if strongest is not None:
            assert mean.argmax() == strongest
        else:
            assert mean[2] < 0.6 * mean[:2].min()


def test_pattern_is_visible():
    def roughness(pattern, axis):
        values = [
            np.diff(middle(pixels("t-shirt", "blue", pattern, seed)), axis=axis)
            for seed in range(4)
        ]
        return np.mean([np.abs(value).mean() for value in values])

    plain = roughness("plain", 0)
    for pattern in VISUAL["pattern"][1:]:
        assert roughness(pattern, 0) + roughness(pattern, 1) > 6 * plain


def test_background_is_independent_of_the_product():
    """The corners, where no product reaches, are a light neutral for every color."""
    for color in VISUAL["color"]:
        for seed in range(3):
            corner = pixels("mug", color, "plain", seed)[:6, :6].reshape(-1, 3).mean(axis=0)
            assert corner.min() > 190
            assert np.ptp(corner) < 30
