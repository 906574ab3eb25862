"""The tests check the annotations of mmrec while they run."""

from dataclasses import dataclass

import pytest
import torch
from checked import decorated
from jaxtyping import Float, TypeCheckError
from torch import Tensor

from mmrec.data import Histories
from mmrec.layers import masked_softmax

ONE, TWO, THREE = torch.ones(1), torch.ones(2), torch.ones(3)


@decorated
def longer(first: Float[Tensor, " B"], second: Float[Tensor, " B"], by: int) -> Float[Tensor, " B"]:
    return torch.cat([first + second, torch.ones(by)])


def test_axes_of_one_name_are_equal_within_a_call_alone():
    for vector in (TWO, THREE):
        assert torch.equal(longer(vector, vector, 0), 2 * vector)
    with pytest.raises(TypeCheckError):
        longer(TWO, THREE, 0)
    with pytest.raises(TypeCheckError):
        longer(TWO, TWO, 1)  # the result
    with pytest.raises(TypeCheckError):
        longer(TWO, TWO, by="none")


def test_a_call_inside_a_call_has_axes_of_its_own():
    @decorated
    def outer(vector: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        longer(THREE, THREE, 0)
        return vector

    assert torch.equal(outer(TWO), TWO)


def test_methods_properties_and_data_classes():
    @decorated
    @dataclass
    class Made:
        vector: Float[Tensor, " 2"]

        @decorated
        @property
        def width(self) -> str:
            return len(self.vector)

        @decorated
        @staticmethod
        def double(vector: Float[Tensor, " 2"]) -> Float[Tensor, " 2"]:
            return 2 * vector

    assert torch.equal(Made.double(Made(TWO).vector), 2 * TWO)
    for wrong in (lambda: Made(THREE), lambda: Made.double(THREE), lambda: Made(TWO).width):
        with pytest.raises(TypeCheckError):
            wrong()


def test_a_name_that_type_checkers_alone_import_is_not_checked():
    @decorated
    def given(value: "Unknown", width: "int") -> "int":
        return width

    assert given(None, 3) == 3
    with pytest.raises(TypeCheckError):
        given(None, "3")


def test_mmrec_is_checked():
    with pytest.raises(TypeCheckError):
        masked_softmax(TWO, THREE)
    with pytest.raises(TypeCheckError):
        Histories.of_items(3)


def test_unless_it_is_turned_off(unchecked):
    assert longer(TWO, TWO, 1).shape == (3,)
