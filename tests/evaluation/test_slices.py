import numpy as np

from mmrec.evaluation.slices import named_slices


def test_every_target_is_in_one_slice_of_each_group():
    rng = np.random.default_rng(0)
    warm, history, image = rng.random(50) < 0.5, rng.integers(0, 20, 50), rng.random(50) < 0.3
    slices = named_slices(warm, history, {"image": image})
    names = list(slices)
    for group in (names[:2], names[2:5], names[5:]):
        assert (sum(slices[name].astype(int) for name in group) == 1).all()
    assert (slices["items with an image"] == image).all()
    assert (slices["long histories (10 or more)"] == (history >= 10)).all()


def test_empty_and_full_slices_are_left_out():
    warm = np.ones(3, dtype=bool)
    assert named_slices(warm, np.array([4, 4, 4]), {"text": ~warm}) == {}
