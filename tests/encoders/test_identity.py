import pytest
import torch

from mmrec.encoders import IdEncoder


def test_rows_of_the_table():
    encoder = IdEncoder(5, 3)
    index = torch.tensor([5, 1, 5])
    assert torch.equal(encoder(index), encoder.table.weight[index])
    assert encoder.table.weight.shape == (6, 3)
    assert encoder.dim == 3


def test_padding_is_zero_and_stays_zero():
    encoder = IdEncoder(5, 3)
    encoder(torch.tensor([0, 2])).sum().backward()
    assert torch.equal(encoder(torch.tensor([0])), torch.zeros(1, 3))
    gradient = encoder.table.weight.grad
    assert gradient is not None
    assert torch.equal(gradient[0], torch.zeros(3))
    assert torch.equal(gradient[2], torch.ones(3))


def test_starts_small():
    weight = IdEncoder(2000, 16, std=0.05).table.weight[1:]
    assert weight.std().item() == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize(("size", "dim"), [(-1, 3), (0, 4), (4, 0)])
def test_wrong_sizes(size, dim):
    with pytest.raises(ValueError, match=f"got {size} and {dim}"):
        IdEncoder(size, dim)
