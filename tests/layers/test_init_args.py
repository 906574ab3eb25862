import torch
from torch import nn

from mmrec.interest import GRUInterest
from mmrec.layers import record_init_args


@record_init_args
class Base(nn.Module):
    def __init__(self, dim, *, scale=1.0):
        super().__init__()
        self.layer = nn.Linear(dim, dim)


class Inheriting(Base):
    pass


class Own(Base):
    def __init__(self, width):
        super().__init__(2 * width)


def test_arguments_and_defaults_are_kept():
    assert Base(4).init_args == {"dim": 4, "scale": 1.0}
    assert Base(dim=4, scale=2.0).init_args == {"dim": 4, "scale": 2.0}


def test_a_subclass_without_a_constructor_has_those_of_its_base():
    assert Inheriting(3).init_args == {"dim": 3, "scale": 1.0}


def test_a_subclass_with_a_constructor_has_none_until_it_is_decorated():
    assert not hasattr(Own(3), "init_args")
    assert record_init_args(Own)(3).init_args == {"width": 3}


def test_the_arguments_make_the_same_part_again():
    one = Base(4, scale=0.5)
    two = Base(**one.init_args)
    two.load_state_dict(one.state_dict())
    vectors = torch.randn(2, 4)
    assert torch.equal(one.layer(vectors), two.layer(vectors))


def test_nothing_joins_the_weights():
    assert list(Base(4).state_dict()) == ["layer.weight", "layer.bias"]
    assert isinstance(GRUInterest(4), nn.Module)
