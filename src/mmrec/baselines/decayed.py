"""Weights of the items of a history: the last counts most."""

import math
from copy import copy
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.data import Histories


@runtime_checkable
class HasDecay(Protocol):
    """A fitted baseline that weights the items of a history."""

    decay: float


T = TypeVar("T", bound=HasDecay)

LEAST = 1e-7
"""A weight below it is lost beside that of the last item."""


def decayed(histories: Histories, decay: float) -> Float[Tensor, "B T"]:
    """Return 1 for the last item of each history, and for each earlier one ``decay`` times more.

    Padding has the weight 0.

    Example:
        >>> decayed(Histories.of_items([[7, 8, 9], [7]]), 0.5)
        tensor([[0.2500, 0.5000, 1.0000],
                [1.0000, 0.0000, 0.0000]])
    """
    age = histories.lengths.unsqueeze(1) - 1 - torch.arange(histories.items.shape[1])
    return (decay ** age.clamp(min=0).float()).where(histories.items > 0, 0.0)


def reach(decay: float) -> int:
    """Return how many of the last items have a weight above 1e-7, the precision of float32.

    Example:
        >>> reach(0.1), reach(0.5), reach(1.0) > 10**9
        (8, 24, True)
    """
    return 2**31 if decay == 1 else int(math.log(LEAST, decay)) + 1


def check_decay(decay: float) -> None:
    """Raise a ``ValueError`` unless ``decay`` is above 0 and at most 1."""
    if not 0 < decay <= 1:
        raise ValueError(f"decay must be above 0 and at most 1; got {decay}")


def with_decay(model: T, decay: float) -> T:
    """Return a baseline with another decay, and with what it has learned.

    Raises:
        ValueError: ``decay`` is not above 0 and at most 1.

    Example:
        >>> from mmrec.baselines import ItemKNN
        >>> with_decay(ItemKNN(decay=0.9), 0.5).decay
        0.5
    """
    check_decay(decay)
    made = copy(model)
    made.decay = decay
    return made
