import re

import pytest
import torch
from torch import nn

from mmrec.fusion.adapters import ModalityAdapters, blank, check_dims, check_modalities

DIMS = {"id": 4, "text": 3}


def test_a_token_is_the_modality_or_its_missing_vector():
    adapters = ModalityAdapters(DIMS, 4)
    features = {"id": torch.randn(3, 4), "text": torch.randn(3, 3)}
    present = {"id": torch.tensor([True, True, False]), "text": torch.tensor([True, False, False])}
    tokens = adapters(features, present)
    assert tokens.shape == (3, 2, 4)
    assert torch.equal(tokens[:2, 0], features["id"][:2])  # as wide as it should be: unchanged
    norm, linear = adapters.layers["text"]
    text = features["text"][0]
    scaled = (text - text.mean()) / (text.var(correction=0) + norm.eps).sqrt()
    assert torch.allclose(tokens[0, 1], linear.weight @ scaled + linear.bias, atol=1e-5)
    assert torch.equal(tokens[2, 0], adapters.missing["id"])
    assert torch.equal(tokens[1, 1], adapters.missing["text"])
    assert torch.equal(tokens[2, 1], adapters.missing["text"])


def test_only_another_width_has_a_layer():
    adapters = ModalityAdapters(DIMS, 4)
    assert isinstance(adapters.layers["id"], nn.Identity)
    assert [type(layer) for layer in adapters.layers["text"]] == [nn.LayerNorm, nn.Linear]
    assert all(vector.any() for vector in adapters.missing.values())


def test_blank_stops_nan_in_values_and_gradients():
    features = torch.tensor([[1.0, 2.0], [torch.nan, torch.inf]], requires_grad=True)
    blanked = blank(features, torch.tensor([[True], [False]]))
    blanked.sum().backward()
    assert blanked.tolist() == [[1.0, 2.0], [0.0, 0.0]]
    assert features.grad.tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_errors():
    with pytest.raises(ValueError, match="at least one modality; got none"):
        check_dims({}, 4)
    for dims, dim in (({"id": 0}, 4), ({"id": 4}, 0)):
        with pytest.raises(ValueError, match="widths of at least 1"):
            check_dims(dims, dim)
    for name in ("", "a.b", "keys"):
        with pytest.raises(ValueError, match=f"{name!r} cannot name a modality"):
            check_dims({name: 4}, 4)
    features, present = {"id": torch.zeros(2, 4)}, {"id": torch.ones(2).bool()}
    with pytest.raises(ValueError, match=r"expects modalities \['id', 'text'\]; got \['id'\]"):
        check_modalities(DIMS, features, present)
    with pytest.raises(ValueError, match=r"'id' features of shape \(items, 5\); got \(2, 4\)"):
        check_modalities({"id": 5}, features, present)


@pytest.mark.usefixtures("unchecked")
def test_wrong_shapes():
    def refused(sentence, features, present):
        with pytest.raises(ValueError, match=re.escape(sentence)):
            check_modalities(DIMS, features, present)

    features = {"id": torch.zeros(2, 4), "text": torch.zeros(2, 3)}
    present = {name: torch.ones(2).bool() for name in DIMS}
    short, flat = features | {"text": torch.zeros(1, 3)}, features | {"id": torch.zeros(4)}
    refused("'text' features of shape (2, 3); got (1, 3)", short, present)
    refused("'id' features of shape (items, 4); got (4,)", flat, present)
    for wrong, sentence in (
        (torch.ones(1).bool(), "of shape (2,); got (1,)"),
        (torch.ones(2, 1).bool(), "of shape (2,); got (2, 1)"),
        (torch.ones(2), "of type torch.bool; got torch.float32"),
    ):
        refused("fusion expects 'id' present " + sentence, features, present | {"id": wrong})
    with pytest.raises(ValueError, match=r"expects dims as {modality: width}; got \[3\]"):
        check_dims([3], 4)
