import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.quantization import dequantize, fit_codebooks, kmeans, quantize


@settings(deadline=None)
@given(st.integers(0, 8), st.integers(1, 3), st.integers(1, 5), st.integers(0, 999))
def test_quantize_is_that_of_a_loop(count, levels, size, seed):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 3)).astype(np.float32)
    books = rng.normal(size=(levels, size, 3)).astype(np.float32)
    wanted = np.zeros((count, levels), dtype=int)
    total = np.zeros((count, 3))
    for row in range(count):
        rest = vectors[row].astype(float)
        for level in range(levels):
            errors = [np.square(rest - entry).sum() for entry in books[level]]
            wanted[row, level] = int(np.argmin(errors))
            rest = rest - books[level, wanted[row, level]]
            total[row] += books[level, wanted[row, level]]
    codes = quantize(torch.from_numpy(vectors), torch.from_numpy(books))
    assert codes.tolist() == wanted.tolist()
    assert np.allclose(dequantize(codes, torch.from_numpy(books)), total, atol=1e-5)


def test_each_level_lowers_the_error():
    vectors = torch.randn(300, 8, generator=torch.Generator().manual_seed(0))
    books = fit_codebooks(vectors, levels=4, size=16)
    codes = quantize(vectors, books)
    errors = [
        float((vectors - dequantize(codes[:, :level], books)).square().sum())
        for level in range(1, 5)
    ]
    assert errors[0] < float((vectors - vectors.mean(0)).square().sum())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.4 * errors[0]


def test_codes_do_not_depend_on_the_vectors_beside():
    vectors = torch.randn(200, 32, generator=torch.Generator().manual_seed(0))
    books = fit_codebooks(vectors, levels=3, size=32)
    together = quantize(vectors, books)
    alone = torch.cat([quantize(vector.unsqueeze(0), books) for vector in vectors])
    assert torch.equal(alone, together)


def test_a_seed_gives_the_same_codebooks():
    vectors = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    first, again = (fit_codebooks(vectors, 2, 8, seed=3) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, fit_codebooks(vectors, 2, 8, seed=4))


def test_of_many_vectors_a_draw_is_enough():
    draw = torch.Generator().manual_seed(0)
    many = torch.randn(3000, 4, generator=draw)
    books = fit_codebooks(many, levels=1, size=4, seed=1)
    other = fit_codebooks(many + 0, levels=1, size=4, seed=1)
    assert torch.equal(books, other)
    all_of_them = kmeans(many, 4, seed=1).float()
    errors = [
        float((many - dequantize(quantize(many, b), b)).square().mean())
        for b in (books, all_of_them[None])
    ]
    assert errors[0] < 1.05 * errors[1]


def test_errors(unchecked):
    with pytest.raises(ValueError, match="levels of at least 1; got 0"):
        fit_codebooks(torch.zeros(3, 2), levels=0)
    with pytest.raises(
        ValueError, match=r"quantize expects vectors of shape \(N, 2\); got \(3, 4\)"
    ):
        quantize(torch.zeros(3, 4), torch.zeros(1, 5, 2))
    with pytest.raises(ValueError, match="NaN or infinity in 1 of 1 rows"):
        quantize(torch.tensor([[torch.inf]]), torch.zeros(1, 5, 1))
