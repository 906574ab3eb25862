from functools import partial

import numpy as np
import pytest

from mmrec.interest import GRUInterest
from mmrec.losses import softmax_loss
from mmrec.recommender.parts.remake import is_ours
from mmrec.recommender.parts.spec import (
    PartSpec,
    call_factory,
    import_path,
    path_of,
    spec_of_call,
    spec_of_object,
)


class Sized:
    def __init__(self, size, *, scale=1.0, **more):
        self.size, self.scale, self.more = size, scale, more


class Maker:
    def __call__(self, size):
        return Sized(size)


KNOWN = {"size": 3, "scale": 9.0, "other": 1}


def test_a_factory_gets_what_its_signature_names():
    part, target, arguments = call_factory("slot", Sized, KNOWN)
    assert (part.size, part.scale, part.more) == (3, 9.0, {})
    assert target is Sized
    assert arguments == {"size": 3, "scale": 9.0}


def test_what_a_partial_sets_wins():
    nested = partial(partial(Sized, size=5, scale=2.0), scale=4.0, extra="x")
    part, _, _ = call_factory("slot", nested, KNOWN)
    assert (part.size, part.scale, part.more) == (5, 4.0, {"extra": "x"})


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (lambda height: height, r"needs \['height'\], and a factory for slot gets \['dim', "),
        (partial(GRUInterest, depth=2), r"takes \['dim', .*\]; got \['depth'\]"),
        (partial(Sized, 3), "functools.partial must set keywords; got"),
        (Maker(), "must be made by a class, a function or a partial of one; got an obj"),
    ],
)
def test_factories_that_cannot_be_called(factory, message):
    with pytest.raises(ValueError, match=message):
        call_factory("slot", factory, KNOWN | {"dim": 4})


def test_a_spec_has_the_defaults_and_plain_numbers():
    spec = spec_of_call("slot", Sized, {"size": np.int64(3)})
    assert spec.init_args == {"size": 3, "scale": 1.0}
    assert PartSpec.from_dict(spec.to_dict()) == spec
    assert spec.name == "Sized"


def test_functions_and_objects_have_specs_too():
    assert spec_of_object(softmax_loss) == PartSpec("mmrec.losses.softmax_loss", {})
    assert spec_of_object(GRUInterest(4)).init_args["dim"] == 4
    assert spec_of_object(Sized(3)).init_args is None


def test_paths_are_public_names():
    assert path_of(GRUInterest) == "mmrec.interest.GRUInterest"
    assert import_path("mmrec.interest.GRUInterest") is GRUInterest
    assert is_ours("mmrec.interest.GRUInterest", "mmrec.interest")
    assert not is_ours("mmrec.interest.gru.GRUInterest", "mmrec.interest")
    assert not is_ours("mmrec.interest.torch", "mmrec.interest")
