import numpy as np
import pytest

from mmrec.data.shop_items import VISUAL
from mmrec.data.shop_pictures import draw_picture
from mmrec.data.shop_shapes import SILHOUETTES


def pixels(shape, colour, pattern, seed):
    picture = draw_picture(shape, colour, pattern, np.random.default_rng(seed))
    return np.asarray(picture).astype(float)


def middle(picture):
    height, width, _ = picture.shape
    return picture[height * 2 // 5 : height * 3 // 5, width * 2 // 5 : width * 3 // 5]


def test_every_shape_has_a_silhouette_inside_the_picture():
    assert tuple(SILHOUETTES) == VISUAL["shape"]
    for parts in SILHOUETTES.values():
        assert any(part.layer == "body" for part in parts)
        points = np.array([point for part in parts for point in part.points])
        assert points[:, 0].min() >= 0.05
        assert points[:, 0].max() <= 0.95
        assert points[:, 1].max() <= 0.9


@pytest.mark.parametrize("shape", VISUAL["shape"])
def test_pictures_are_small_square_rgb_and_deterministic(shape):
    picture = draw_picture(shape, "red", "checks", np.random.default_rng(0))
    assert picture.mode == "RGB"
    assert picture.width == picture.height
    assert 128 <= picture.width <= 192
    again = draw_picture(shape, "red", "checks", np.random.default_rng(0))
    assert again.tobytes() == picture.tobytes()


@pytest.mark.parametrize(
    ("colour", "strongest"), [("red", 0), ("green", 1), ("blue", 2), ("yellow", None), ("pink", 0)]
)
def test_colour_is_seen(colour, strongest):
    for seed in range(4):
        mean = middle(pixels("t-shirt", colour, "plain", seed)).mean(axis=(0, 1))
        if strongest is not None:
            assert mean.argmax() == strongest
        else:
            assert mean[2] < 0.6 * mean[:2].min()


def test_pattern_is_seen():
    def roughness(pattern, axis):
        values = [
            np.diff(middle(pixels("t-shirt", "blue", pattern, seed)), axis=axis)
            for seed in range(4)
        ]
        return np.mean([np.abs(value).mean() for value in values])

    plain = roughness("plain", 0)
    for pattern in VISUAL["pattern"][1:]:
        assert roughness(pattern, 0) + roughness(pattern, 1) > 6 * plain


def test_background_says_nothing_of_the_product():
    """The corners, where no product reaches, are a light neutral for every colour."""
    for colour in VISUAL["colour"]:
        for seed in range(3):
            corner = pixels("mug", colour, "plain", seed)[:6, :6].reshape(-1, 3).mean(axis=0)
            assert corner.min() > 190
            assert np.ptp(corner) < 30
