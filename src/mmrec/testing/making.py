"""How a check makes parts: as ``fit`` does, and with weights as after some training."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch import nn

from mmrec.layers import seeded
from mmrec.recommender.parts import SLOTS, call_factory
from mmrec.testing.contract import Contract

DIM = 8
"""Width of item vectors in a check."""


Make = Callable[[], Any]


def begin(
    slot: str, given: Any, known: Mapping[str, Any], skip: Sequence[str] = ()
) -> tuple[Contract, Any, Make]:
    """Return a contract without a clause, a part, and a function that makes a new part each time.

    Parts are in evaluation mode. Weights that are trained are moved a little, as by training,
    because a layer that starts at 0 hides what is before it.

    Args:
        slot: name of the slot, or "encoder".
        given: what :meth:`mmrec.Recommender.fit` takes for the slot; a built part is copied.
        known: values that a factory may take, by the names of its parameters.
        skip: names of clauses that are not checked.

    Raises:
        ValueError: the part can't be made, or ``skip`` is one name rather than several.
    """
    if isinstance(skip, str):
        raise ValueError(f"skip must be names of clauses, such as ({skip!r},); got {skip!r}")
    with seeded(0):
        shared = _create(slot, given, known) is _create(slot, given, known)

    def make() -> Any:
        made = _create(slot, given, known)
        made = deepcopy(made) if shared else made
        return moved(made.eval()) if isinstance(made, nn.Module) else made

    with seeded(0):
        part = make()
    return Contract(_name_of(part), skip), part, make


def moved(module: nn.Module) -> nn.Module:
    """Add noise to the trained weights of a module, and return it."""
    with torch.no_grad():
        for weight in module.parameters():
            if weight.requires_grad:
                weight.add_(0.1 * torch.randn_like(weight))
    return module


def _name_of(part: Any) -> str:
    while isinstance(part, partial):
        part = part.func
    return str(getattr(part, "__name__", type(part).__name__))


def _create(slot: str, given: Any, known: Mapping[str, Any]) -> Any:
    if slot in SLOTS:
        return SLOTS[slot].create(given, known)
    return given if isinstance(given, nn.Module) else call_factory(slot, given, known)[0]
