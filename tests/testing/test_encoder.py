"""The clauses of an encoder, on a tiny one with one defect each."""

import re

import pytest
import torch
from torch import nn

from mmrec.testing import ContractError, check_encoder

WORDS = ["a red hat", "lamp", "soft blue shoes"]


class Letters:
    """Turns texts into numbers of their letters, padded with 0."""

    def __call__(self, values):
        width = max(map(len, values))
        return {"letters": torch.tensor([[*map(ord, v)] + [0] * (width - len(v)) for v in values])}


class Sums(nn.Module):
    """The sum of the vectors of letters."""

    transform = Letters()

    def __init__(self):
        super().__init__()
        self.dim, self.table = 4, nn.Embedding(128, 4, padding_idx=0)

    def forward(self, inputs):
        letters = inputs["letters"]
        vectors = self.table(letters).masked_fill((letters == 0).unsqueeze(-1), 0)
        return vectors.sum(dim=1)

    def fingerprint(self):
        return str(float(self.table.weight.detach().sum()))


class Padded(Sums):
    """Counts what is padded."""

    def forward(self, inputs):
        return super().forward(inputs) + inputs["letters"].shape[1]


class Layered(Sums):
    """Its vectors of letters are frozen, and a layer above them is trained."""

    def __init__(self):
        super().__init__()
        self.table.requires_grad_(False)
        self.above = nn.Linear(4, 4)

    def lower(self, inputs):
        return {"states": super().forward(inputs)}

    def sample(self):
        return self.transform(["ab", "c"])

    def forward(self, inputs):
        return self.above(inputs["states"] if "states" in inputs else super().forward(inputs))


class Shortened(Layered):
    """Leaves out what is longer than its sample."""

    def lower(self, inputs):
        return super().lower({"letters": inputs["letters"][:, :2]})


class Detached(Layered):
    """Takes a trained layer for a frozen one."""

    def lower(self, inputs):
        return {"states": self.above(super().lower(inputs)["states"]).detach()}

    def forward(self, inputs):
        return inputs["states"] if "states" in inputs else super().forward(inputs)


class Pinned(Sums):
    """Its transform can't be sent to another process."""

    def __init__(self):
        super().__init__()
        self.transform = lambda values: Letters()(values)


class Constant(Sums):
    def fingerprint(self):
        return "the same"


class Numbered(Sums):
    def fingerprint(self):
        return 7


class Restless(Sums):
    def fingerprint(self):
        return str(torch.rand(()).item())


class Widthless(Sums):
    def __init__(self):
        super().__init__()
        self.dim = 0


class Wider(Sums):
    def __init__(self):
        super().__init__()
        self.dim = 5


class Double(Sums):
    def forward(self, inputs):
        return super().forward(inputs).double()


class Widened(nn.Linear):
    def __init__(self):
        super().__init__(3, 4)
        self.dim = 4


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (Widthless, "breaks 'attributes': expected dim, a whole number above 0; got 0"),
        (Pinned, "breaks 'transform': expected no error; got"),
        (Padded, "breaks 'transform': expected a vector that does not depend on the other values"),
        (Numbered, "breaks 'fingerprint': expected a fingerprint that is text; got int"),
        (Restless, "breaks 'fingerprint': expected the same fingerprint each time"),
        (Constant, "breaks 'fingerprint': expected another fingerprint where weights are changed"),
        (Shortened, "breaks 'lower': expected the same vectors from the states of frozen layers"),
        (Detached, "breaks 'lower': expected the same gradients from the states"),
        (Double, "breaks 'dtype': expected vectors in float32, or narrower; got torch.float64"),
        (Wider, "breaks 'shapes': expected a tensor of shape (3, 5) of 3 items; got shape (3, 4)"),
    ],
)
def test_a_defect_is_found(part, sentence):
    with pytest.raises(ContractError, match=re.escape(sentence)):
        check_encoder(part, WORDS)


def test_what_is_right_passes_with_raw_values_tensors_and_a_single_tensor():
    checked = check_encoder(Sums, WORDS)
    assert checked[:3] == ["attributes", "transform", "fingerprint"]
    assert check_encoder(Widened, torch.eye(3)) == [
        clause for clause in checked if clause not in ("transform", "fingerprint")
    ]
    assert check_encoder(Layered, WORDS)[:4] == [*checked[:3], "lower"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (torch.ones(1, 3), "expects inputs of 2 items or more; got 1"),
        ([1, 2], "expects a tensor or a dict of tensors; got list"),
        ({}, "expects a tensor or a dict of tensors; got dict"),
    ],
)
def test_inputs_that_say_too_little(inputs, message):
    with pytest.raises(ValueError, match=message):
        check_encoder(Widened, inputs)
