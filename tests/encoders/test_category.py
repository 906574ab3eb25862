import pytest
import torch

from mmrec.encoders import CategoryEncoder


def test_an_item_has_the_mean_of_its_values():
    encoder = CategoryEncoder(3, 8)
    weight = encoder.table.weight
    found = encoder(torch.tensor([[1, 2], [2, 0]]))
    assert torch.allclose(found[0], (weight[1] + weight[2]) / 2)
    assert torch.allclose(found[1], weight[2])


def test_a_new_value_has_the_vector_of_its_bucket():
    encoder = CategoryEncoder(2, 8, buckets=3, bucket_of=[0, 2]).eval()
    weight = encoder.table.weight
    assert weight.shape == (6, 8)
    assert torch.allclose(encoder(torch.tensor([[5, 1]])), (weight[5] + weight[1]) / 2)


def test_some_values_are_trained_as_their_buckets():
    torch.manual_seed(0)
    encoder = CategoryEncoder(2, 4, buckets=3, bucket_of=[0, 2])
    inputs = torch.tensor([[1], [2]]).repeat(500, 1)
    weight = encoder.table.weight
    found = encoder(inputs)
    hashed = (found == torch.stack([weight[3], weight[5]]).repeat(500, 1)).all(dim=1)
    own = (found == weight[1:3].repeat(500, 1)).all(dim=1)
    assert (hashed | own).all()
    assert 0.05 < hashed.float().mean() < 0.15
    found.sum().backward()
    assert weight.grad[[1, 2, 3, 5]].abs().sum(dim=1).gt(0).all()
    assert not weight.grad[[0, 4]].any()  # padding, and a bucket without values
    padded = encoder(torch.tensor([[1, 0, 0]] * 50))
    assert {tuple(row) for row in padded.tolist()} <= {tuple(weight[n].tolist()) for n in (1, 3)}


def test_without_buckets_training_draws_nothing():
    encoder = CategoryEncoder(2, 4)
    before = torch.get_rng_state()
    encoder(torch.tensor([[1], [2]]))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("bucket_of", [(), (0,), (0, 3), (0, 1, 2)])
def test_each_value_needs_a_bucket(bucket_of):
    with pytest.raises(ValueError, match="must give one of 3 buckets for each of 2 values; got"):
        CategoryEncoder(2, 4, buckets=3, bucket_of=bucket_of)
