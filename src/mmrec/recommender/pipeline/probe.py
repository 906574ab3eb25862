"""A loss and a sampler are called once before a training, so that a wrong one says so at once."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmrec.recommender.parts import path_of


def check_loss(loss: Any) -> None:
    """Raise a ``ValueError`` unless a loss returns one finite number that has a gradient.

    Example:
        >>> check_loss(lambda logits, target, candidates, log_q: logits.sum(1))
        Traceback (most recent call last):
        ...
        ValueError: the loss <lambda> must return one number, a tensor of shape (); got (3,)
    """
    role = f"the loss {_name_of(loss)}"
    logits = torch.linspace(-1, 1, 18).view(3, 6).requires_grad_()
    candidates = torch.tensor([False, True, True, True, True, False])
    given = logits, torch.tensor([1, 2, 5]), candidates, torch.full((6,), 0.5).log()
    try:
        value = loss(*given)
    except Exception as error:  # of any type, since the loss may be a user's own
        raise ValueError(
            f"{role} must take logits (N, P), target (N,), candidates (P,) and log_q (P,), by "
            f"position; got {_first_line(error)}"
        ) from error
    got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
    if got != ():
        raise ValueError(f"{role} must return one number, a tensor of shape (); got {got}")
    if not value.requires_grad:
        raise ValueError(f"{role} must have a gradient of the logits; got a number without one")
    if not bool(value.isfinite()):
        raise ValueError(
            f"{role} must be finite for scores from -1 to 1; got {float(value.detach())}"
        )


def check_sampler(sampler: Any, catalog_size: int) -> None:
    """Raise a ``ValueError`` unless a draw has different items of the catalogue, ascending.

    Args:
        sampler: the sampler.
        catalog_size: number of items, V; their indices are 1 to V.

    Example:
        >>> from mmrec.sampling import FullSampler
        >>> check_sampler(FullSampler(np.array([1, 9])), 5)
        Traceback (most recent call last):
        ...
        ValueError: the negatives FullSampler must draw indices of the catalogue, from 1 to 5; got 9
    """
    role = f"the negatives {_name_of(sampler)}"
    try:
        drawn = sampler.draw(np.random.default_rng(0))
    except Exception as error:
        raise ValueError(
            f"{role} must draw items by draw(rng), of a np.random.Generator; got "
            f"{_first_line(error)}"
        ) from error
    right = isinstance(drawn, np.ndarray) and drawn.ndim == 1 and drawn.dtype.kind in "iu"
    if not right:
        got = (
            f"{drawn.dtype} {drawn.shape}"
            if isinstance(drawn, np.ndarray)
            else type(drawn).__name__
        )
        raise ValueError(f"{role} must draw a one-dimensional array of whole numbers; got {got}")
    if (odd := drawn[(drawn < 1) | (drawn > catalog_size)]).size:
        raise ValueError(
            f"{role} must draw indices of the catalogue, from 1 to {catalog_size}; got {odd[0]}"
        )
    if (odd := np.flatnonzero(np.diff(drawn) <= 0)).size:
        first, second = drawn[odd[0] : odd[0] + 2]
        raise ValueError(f"{role} must draw different items, ascending; got {second} after {first}")
    _check_log_inclusion(role, sampler, drawn)


def _check_log_inclusion(role: str, sampler: Any, drawn: np.ndarray) -> None:
    try:
        said = np.asarray(sampler.log_inclusion(drawn))
    except Exception as error:
        raise ValueError(
            f"{role} must say log_inclusion(items) of an array of items; got {_first_line(error)}"
        ) from error
    if said.shape != drawn.shape:
        raise ValueError(
            f"log_inclusion of {role} must have a number for each of {len(drawn)} items; got "
            f"shape {said.shape}"
        )
    if (odd := said[~((said > -np.inf) & (said <= 1e-6))]).size:
        raise ValueError(
            f"log_inclusion of {role} must be a logarithm of a probability, and above -inf for an "
            f"item that was drawn; got {odd[0]}"
        )


def _name_of(part: Any) -> str:
    while hasattr(part, "func"):
        part = part.func
    return path_of(part if hasattr(part, "__qualname__") else type(part)).rpartition(".")[2]


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
