import pytest
import torch

from mmrec.realtime.index.storage import Storage, make_storage, to_int8


@pytest.mark.parametrize(
    ("dtype", "error"), [("float32", 1e-6), ("bfloat16", 0.02), ("int8", 0.02)]
)
def test_scores_are_near_the_products(dtype, error):
    torch.manual_seed(0)
    vectors, queries = torch.randn(40, 16), torch.randn(3, 16)
    storage = make_storage(16, 50, dtype)
    assert isinstance(storage, Storage)
    storage.put(0, vectors[:30])
    storage.put(30, vectors[30:])
    scores = storage.scores(queries, 40)
    products = storage.products(queries, 40)
    torch.testing.assert_close(products, queries @ vectors[:40].T)
    if dtype == "int8":
        scores = scores * to_int8(queries)[1].unsqueeze(1)
    true = queries @ vectors.t()
    assert (scores - true).abs().max() <= error * true.abs().max()
    assert torch.equal(storage.take(torch.tensor([31, 2])), vectors[[31, 2]])


def test_int8_takes_zeros_and_huge_vectors():
    vectors = torch.tensor([[0.0, 0.0], [1e30, -5e29]])
    numbers, scale = to_int8(vectors)
    assert numbers.tolist() == [[0, 0], [127, -64]]
    assert torch.allclose(numbers * scale.unsqueeze(1), vectors, rtol=0.01)
