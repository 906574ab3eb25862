import json

import numpy as np
import pytest
import torch
from torch import nn

from mmrec.encoders.projection import ACTIVATIONS, LinearLayer, Projection


def test_as_by_hand():
    projection = Projection([LinearLayer(5, 4, activation="Tanh"), LinearLayer(4, 3, bias=False)])
    inputs = torch.randn(2, 5)
    first, second = projection.linear
    weight, bias, last = (t.detach().numpy() for t in (first.weight, first.bias, second.weight))
    expected = np.tanh(inputs.numpy() @ weight.T + bias) @ last.T
    np.testing.assert_allclose(projection(inputs).detach(), expected, atol=1e-6)
    assert projection.dim == 3


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_is_described_is_made_again(activation):
    one = Projection([LinearLayer(5, 4, activation=activation)])
    again = Projection(json.loads(json.dumps(one.described())))
    again.load_state_dict(one.state_dict())
    inputs = torch.randn(2, 5)
    assert torch.equal(again(inputs), one(inputs))


def test_of_a_layer():
    layer = nn.Linear(5, 4, bias=False)
    projection, inputs = Projection.of(layer), torch.randn(2, 5)
    assert torch.equal(projection(inputs), layer(inputs))
    assert projection.described() == [
        {"dim_in": 5, "dim": 4, "bias": False, "activation": "Identity"}
    ]


def test_wrong_use():
    with pytest.raises(ValueError, match=r"with an activation of Identity, .* got \['Sine'\]"):
        Projection([LinearLayer(5, 4, activation="Sine")])
    with pytest.raises(ValueError, match=r"expects layers .* got \[\]"):
        Projection([])
