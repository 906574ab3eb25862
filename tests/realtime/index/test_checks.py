import numpy as np
import pytest
import torch

from mmrec.realtime.index.checks import allowed, check_search, check_vectors


def test_one_vector_per_key():
    with pytest.raises(ValueError, match="got 2 for 3"):
        check_vectors(torch.zeros(2, 4), 4, 3)


def test_large_finite_values_are_finite():
    large = torch.full((2, 2), torch.finfo(torch.float32).max)
    assert torch.equal(check_vectors(large, 2), large)
    with pytest.raises(ValueError, match="finite"):
        check_vectors(torch.tensor([[torch.inf, -torch.inf]]), 2)


def test_excluding_nothing_is_no_filter():
    assert check_search(2, 1, [np.array([]), torch.tensor([])], None) == (None, None)
    seen, _ = check_search(2, 1, [torch.tensor([]), np.array([3, 3, 1])], None)
    assert [keys.tolist() for keys in seen] == [[], [3, 3, 1]]


def test_keys_beyond_the_mask_are_not_allowed():
    keys = torch.tensor([1, 2, 3, 99])
    assert allowed(keys, torch.tensor([True, False, True, True])).tolist() == [
        False,
        True,
        True,
        False,
    ]
    assert not allowed(keys, torch.zeros(0, dtype=torch.bool)).any()
