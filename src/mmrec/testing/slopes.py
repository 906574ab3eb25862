"""Gradients beside finite differences."""

from collections.abc import Callable

import torch
from torch import Tensor

from mmrec.testing.contract import expect

_STEPS = {1e-6: 1e-3, 1e-2: 2e-2}
"""Steps, and what the difference may be as a share; the second is for what computes in float32."""


def expect_slope(function: Callable[[], Tensor], leaf: Tensor, along: Tensor, of: str) -> None:
    """Raise a ``ContractError`` unless a gradient agrees with a finite difference.

    Args:
        function: returns the output, which depends on the leaf.
        leaf: a tensor, best of float64, that has the gradient of the sum of the output's sines.
        along: the direction in which the leaf is moved; not 0.
        of: what the leaf is, for the message.

    Example:
        >>> leaf = torch.ones(2, requires_grad=True)
        >>> leaf.grad = torch.zeros(2)
        >>> expect_slope(lambda: leaf, leaf, torch.ones(2), "a leaf")
        Traceback (most recent call last):
        ...
        mmrec.testing.contract.ContractError: expected a gradient of a leaf of 1.08 along a
        direction, as a finite difference says; got 0
    """
    along = along / along.abs().max()
    given = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
    slope = float((given * along).sum())
    for step, share in _STEPS.items():
        measured = _measured(function, leaf, along, step)
        if abs(measured - slope) <= share * (abs(measured) + 1e-2):
            return
    said = f"a gradient of {of} of {measured:.3g} along a direction, as a finite difference says"
    expect(False, said, f"{slope:.3g}")


@torch.no_grad()
def _measured(function: Callable[[], Tensor], leaf: Tensor, along: Tensor, step: float) -> float:
    start, values = leaf.clone(), []
    for signed in (step, -step):
        leaf.copy_(start + signed * along)
        values.append(float(function().double().sin().sum()))
    leaf.copy_(start)
    return (values[0] - values[1]) / (2 * step)
