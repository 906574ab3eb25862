"""The clauses of a fusion, on a tiny one with one defect each."""

import re
from functools import partial

import pytest
from torch import nn

from mmrec.testing import ContractError, check_fusion


class Summed(nn.Module):
    """The sum of projected modalities, of those that an item has."""

    def __init__(self, dims, dim):
        super().__init__()
        self.dims, self.dim = dims, dim
        self.layers = nn.ModuleDict({name: nn.Linear(width, dim) for name, width in dims.items()})

    def token(self, name, features, present):
        here = present.unsqueeze(-1)
        return self.layers[name](features.where(here, 0)).where(here, 0)

    def forward(self, features, present):
        return sum(self.token(name, features[name], present[name]) for name in self.dims)


class Unmasked(Summed):
    def token(self, name, features, present):
        return self.layers[name](features)


class Multiplied(Summed):
    def token(self, name, features, present):
        return self.layers[name](features) * present.unsqueeze(-1)


class BlankedLate(Summed):
    """The value is right; the gradient of the weights is that of what was there."""

    def token(self, name, features, present):
        return self.layers[name](features).where(present.unsqueeze(-1), 0)


class Averaged(Summed):
    def forward(self, features, present):
        return super().forward(features, present) / sum(present.values()).unsqueeze(-1)


class InTheGivenOrder(Summed):
    def forward(self, features, present):
        first = next(iter(features))
        return super().forward(features, present) + self.token(
            first, features[first], present[first]
        )


class Marking(Summed):
    def forward(self, features, present):
        vectors = super().forward(features, present)
        present["id"].fill_(True)
        return vectors


class UnmaskedInTraining(Summed):
    def token(self, name, features, present):
        called = Unmasked if self.training else Summed
        return called.token(self, name, features, present)


class OfABrand(Summed):
    def __init__(self, dims, dim):
        super().__init__(dims, dim)
        self.width = dims["brand"]


class AddingTheBrand(Summed):
    def forward(self, features, present):
        brand = self.token("brand", features["brand"], present["brand"])
        return super().forward(features, present) + brand


class Nameless(Summed):
    def __init__(self, dims, dim):
        super().__init__(dims, dim)
        self.dims = list(dims)


class Widthless(Summed):
    def __init__(self, dims, dim):
        super().__init__(dims, dim)
        self.dim = None


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (Nameless, "Nameless breaks 'attributes': expected dims, the width of each modality by"),
        (
            Widthless,
            "Widthless breaks 'attributes': expected dim, a whole number above 0; got",
        ),
        (Averaged, "breaks 'no modality': expected one finite vector for all items without a"),
        (Marking, "breaks 'inputs stay': expected that present of id stays as it was given"),
        (
            Unmasked,
            "breaks 'absent slots': expected an output that does not depend on what lies in an "
            "absent slot of features of id, here nan; got NaN or infinity",
        ),
        (Multiplied, "breaks 'absent slots': expected an output that does not depend on what"),
        (UnmaskedInTraining, "breaks 'absent slots in training': expected an output that does not"),
        (BlankedLate, "breaks 'absent slots': expected a gradient of 'layers.id.weight' that does"),
        (
            InTheGivenOrder,
            "breaks 'order of modalities': expected the same vectors in whatever order the",
        ),
    ],
)
def test_a_defect_is_found(part, sentence):
    with pytest.raises(ContractError, match=re.escape(sentence)):
        check_fusion(part)


def test_what_is_right_passes():
    for part in (Summed, Summed({"text": 3}, 2), "gated"):
        assert check_fusion(part)[-2:] == ["absent slots in training", "order of modalities"]


@pytest.mark.parametrize(
    ("part", "which"), [(OfABrand, "expected"), (AddingTheBrand, "breaks 'no modality': expected")]
)
def test_a_modality_that_the_check_does_not_have(part, which):
    sentence = f"{which} a fusion of the modalities id, text, image; got KeyError: 'brand': one of"
    with pytest.raises(ContractError, match=sentence):
        check_fusion(part)
    assert check_fusion(partial(part, dims={"brand": 3, "text": 2}))


def test_a_part_that_can_not_be_made():
    with pytest.raises(ValueError, match=r"Bilinear needs \['in1_.*a factory for fusion"):
        check_fusion(nn.Bilinear)


def test_an_unknown_name():
    with pytest.raises(ValueError, match=r"fusion must be one of .*; got 'product'"):
        check_fusion("product")
