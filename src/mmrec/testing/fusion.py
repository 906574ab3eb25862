"""The contract of a fusion."""

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from mmrec.fusion import Fusion
from mmrec.testing.contract import Contract, ContractError, expect, expect_close
from mmrec.testing.garbage import expect_hidden
from mmrec.testing.making import DIM, Make, begin
from mmrec.testing.modules import (
    Case,
    Inputs,
    check_module,
    check_training,
    expect_module,
    expect_width,
)

_DIMS = {"id": DIM, "text": 5, "image": 3}
_KNOWN = {
    "dims": _DIMS,
    "dim": DIM,
    "content": ["text", "image"],
}


def check_fusion(
    factory: str | Mapping[str, Any] | Fusion | Callable[..., Fusion],
    *,
    compile: bool = False,
    skip: Sequence[str] = (),
) -> list[str]:
    """Check that a part keeps the contract of :class:`mmrec.fusion.Fusion`.

    Args:
        factory: what ``fit(fusion=…)`` takes: a class or function that makes a fusion from ``dims``
            (of id, text and image) and ``dim``, a :func:`functools.partial` of one, which may set
            other ``dims``, or a built fusion.
        compile: whether to check ``torch.compile`` too, which takes a minute or more.
        skip: names of clauses that are not checked, such as ``("gradcheck",)``.

    Returns:
        The names of the clauses that were checked.

    Raises:
        ContractError: a clause is broken.
        ValueError: the part can't be made.

    Example:
        >>> from mmrec.fusion import ConcatFusion
        >>> check_fusion(ConcatFusion)[:3]
        ['attributes', 'no modality', 'shapes']
    """
    contract, part, make = _begin(factory, skip)
    contract.clause("attributes", _attributes, part)
    inputs = _inputs(part.dims)
    features = tuple(name for name in inputs if name.startswith("features"))
    case = Case(make, _fuse, inputs, "items", (part.dim,), features)
    contract.clause("no modality", _no_modality, case)
    check_module(contract, case, compile=compile)
    contract.clause("absent slots", _absent_slots, case)
    check_training(contract, case, {"absent slots": _absent_slots})
    contract.clause("order of modalities", _order, case)
    return contract.checked


def _begin(factory: Any, skip: Sequence[str]) -> tuple[Contract, Any, Make]:
    try:
        return begin("fusion", factory, _KNOWN, skip)
    except KeyError as error:
        raise _needs(error) from error


def _needs(error: KeyError) -> ContractError:
    """Return an error of a fusion that needs a modality which the check does not have."""
    return ContractError(
        f"expected a fusion of the modalities {', '.join(_DIMS)}; got KeyError: {error}: one of "
        "other modalities is checked with their widths, functools.partial(F, dims={...})"
    )


def _attributes(part: Any) -> None:
    expect_module(part)
    dims = getattr(part, "dims", None)
    right = isinstance(dims, Mapping) and all(isinstance(w, Integral) for w in dims.values())
    expect(right and bool(dims), "dims, the width of each modality by name", dims)
    expect_width(part, "dim")


def _inputs(dims: Mapping[str, int]) -> Inputs:
    """Return features of five items; each modality is absent somewhere, and one item has none."""
    draws = torch.Generator().manual_seed(0)
    inputs = {}
    for place, (name, width) in enumerate(dims.items()):
        present = torch.ones(5).bool()
        present[[place % 3, 3]] = False
        inputs[f"features of {name}"] = torch.randn(5, width, generator=draws)
        inputs[f"present of {name}"] = present
    return inputs


def _fuse(part: Any, given: Inputs) -> Tensor:
    features, present = (
        {name.removeprefix(kind): value for name, value in given.items() if name.startswith(kind)}
        for kind in ("features of ", "present of ")
    )
    try:
        vectors: Tensor = part(features, present)
    except KeyError as error:
        raise _needs(error) from error
    return vectors


def _no_modality(case: Case) -> None:
    nothing = {name: torch.zeros_like(value) for name, value in case.inputs.items()}
    vectors = case.run(case.make(), nothing)
    expected = "one finite vector for all items without a modality"
    expect_close(vectors, vectors[:1].expand_as(vectors), expected)


def _absent_slots(case: Case) -> None:
    present = {name: here for name, here in case.inputs.items() if name.startswith("present")}
    absent = {name.replace("present", "features"): ~here for name, here in present.items()}
    expect_hidden(case, absent, "an absent slot")


def _order(case: Case) -> None:
    part, turned = case.make(), dict(reversed(case.inputs.items()))
    expected = "the same vectors in whatever order the modalities are given"
    expect_close(case.run(part, turned), case.run(part, case.inputs), expected)
