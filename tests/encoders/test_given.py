import pytest
import torch

from mmrec.encoders import GivenEncoder


def test_features_are_handed_on_and_nothing_is_learned():
    encoder, features = GivenEncoder(3), torch.randn(4, 3)
    assert torch.equal(encoder(features), features)
    assert encoder(features[:0]).shape == (0, 3)
    assert not list(encoder.parameters())
    assert GivenEncoder(**encoder.init_args).dim == 3


def test_errors(unchecked):
    with pytest.raises(ValueError, match="dim of at least 1; got 0"):
        GivenEncoder(0)
    with pytest.raises(ValueError, match="GivenEncoder expects features"):
        GivenEncoder(3)(torch.randn(4, 2))
