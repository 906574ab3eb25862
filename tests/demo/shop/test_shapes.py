import numpy as np
import pytest

from mmrec.demo.shop.images import _Pen
from mmrec.demo.shop.shapes import SILHOUETTES

every_shape = pytest.mark.parametrize("shape", SILHOUETTES)


def drawn(parts):
    pen = _Pen(size=200, zoom=1.0, shift=(0.0, 0.0), mirrored=False)
    return np.asarray(pen.mask(parts)) > 0


@every_shape
def test_a_silhouette_is_drawn_inside_its_frame(shape):
    ink = drawn(SILHOUETTES[shape])
    assert 0.1 < ink.mean() < 0.6
    edges = {"left": ink[:, 0], "right": ink[:, -1], "bottom": ink[-1], "top": ink[0]}
    if shape == "pendant lamp":  # hangs from above
        assert edges.pop("top").any()
    assert not any(edge.any() for edge in edges.values())


@every_shape
def test_every_part_is_drawn(shape):
    for part in SILHOUETTES[shape]:
        assert drawn([part]).any(), part


@every_shape
def test_parts_are_of_known_layers_and_forms(shape):
    for part in SILHOUETTES[shape]:
        assert part.layer in ("back", "body", "front", "seam", "dark")
        assert len(part.points) >= {"polygon": 3, "blob": 3, "line": 2}.get(part.form, 2)
        if part.form in ("box", "oval"):
            assert len(part.points) == 2
        assert (part.size > 0) == (part.form in ("box", "line"))


def test_silhouettes_differ():
    masks = {drawn(parts).tobytes() for parts in SILHOUETTES.values()}
    assert len(masks) == len(SILHOUETTES)
