import json
import pickle
from copy import deepcopy

import pytest
import torch
from torch import nn

from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.fusion import AttentionFusion, ConcatFusion, SiameseFusion
from mmrec.interest import GRUInterest, LinearRecurrentInterest, SelfAttentionInterest
from mmrec.layers import record_init_args
from mmrec.scoring import DotScorer, MLPScorer


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


@pytest.mark.parametrize(
    "part",
    [
        IdEncoder(5, 4, std=0.1),
        FeatureEncoder(6, 4, whiten=True),
        ConcatFusion({"id": 4, "text": 6}, 4, hidden=3),
        AttentionFusion({"id": 4, "text": 6}, 4, heads=2),
        SiameseFusion({"id": 4, "text": 6}, 4, content=["text"]),
        GRUInterest(4, 3, layers=2),
        SelfAttentionInterest(4, window=3, time_gap=True),
        LinearRecurrentInterest(4, state_dim=3, num_event_types=2),
        DotScorer(dim=4, temperature=0.5, item_bias=True),
        MLPScorer(3, 4, width=5, depth=2),
    ],
    ids=lambda part: type(part).__name__,
)
def test_every_component_is_made_again_from_json(part):
    again = type(part)(**json.loads(json.dumps(part.init_args)))
    assert again.init_args == part.init_args
    again.load_state_dict(part.state_dict())
    for copy in (deepcopy(part), pickle.loads(pickle.dumps(part))):
        assert copy.init_args == part.init_args
        assert all(
            torch.equal(a, b) for a, b in zip(copy.parameters(), part.parameters(), strict=True)
        )


@record_init_args
class Open:
    def __init__(self, *sizes, scale=1.0, **more):
        more.pop("changed", None)


def test_keywords_of_any_name_are_kept_and_unnamed_arguments_are_unknown():
    assert Open(scale=2.0, depth=3, changed=1).init_args == {
        "scale": 2.0,
        "depth": 3,
        "changed": 1,
    }
    assert Open(1, 2).init_args is None


def test_a_list_that_the_constructor_changes_is_kept_as_it_was():
    @record_init_args
    class Eats:
        def __init__(self, values):
            values.clear()

    assert Eats([1, 2]).init_args == {"values": [1, 2]}
