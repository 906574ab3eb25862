import pytest
import torch
from torch import nn


class Digits:
    """Texts of digits to numbers, one row a text, as a tensor or a dictionary of them."""

    def __init__(self, dictionary):
        self.dictionary = dictionary

    def __call__(self, values):
        rows = torch.tensor([[float(digit) for digit in value.ljust(3, "0")] for value in values])
        return {"digits": rows, "mask": rows > 0} if self.dictionary else rows


class RawEncoder(nn.Module):
    """A trained encoder of raw input that writes down how many rows each call had."""

    def __init__(self, transform):
        super().__init__()
        self.transform, self.dim = transform, 4
        self.body = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, self.dim))
        self.rows = []

    def forward(self, inputs):
        rows = inputs["digits"] * inputs["mask"] if isinstance(inputs, dict) else inputs
        self.rows.append(len(rows))
        return self.body(rows.to(self.body[0].weight.dtype))


@pytest.fixture(params=[False, True], ids=["tensor", "dictionary"])
def raw_encoder(request):
    """Make an encoder of texts of digits."""
    return lambda: RawEncoder(Digits(request.param))
