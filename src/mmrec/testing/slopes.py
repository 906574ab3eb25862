"""Gradients beside finite differences."""

from collections.abc import Callable

import torch
from torch import Tensor

from mmrec.testing.contract import expect

_STEP = 1e-6


def expect_slope(function: Callable[[], Tensor], leaf: Tensor, along: Tensor, of: str) -> None:
    """Raise a ``ContractError`` unless a gradient agrees with a finite difference.

    Args:
        function: returns the output, which depends on the leaf.
        leaf: a tensor of float64 that has the gradient of the sum of the output's sines.
        along: the direction in which the leaf is moved; not 0.
        of: what the leaf is, for the message.

    Example:
        >>> leaf = torch.ones(2, dtype=torch.float64, requires_grad=True)
        >>> leaf.grad = torch.zeros(2, dtype=torch.float64)
        >>> expect_slope(lambda: leaf, leaf, torch.ones(2), "a leaf")
        Traceback (most recent call last):
        ...
        mmrec.testing.contract.ContractError: expected a gradient of a leaf of 1.0806 along a
        direction, as a finite difference says; got 0
    """
    along = along / along.abs().max()
    given = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
    slope, values = float((given * along).sum()), []
    with torch.no_grad():
        start = leaf.clone()
        for step in (_STEP, -_STEP):
            leaf.copy_(start + step * along)
            values.append(float(function().sin().sum()))
        leaf.copy_(start)
    measured = (values[0] - values[1]) / (2 * _STEP)
    near = abs(measured - slope) <= 1e-3 * abs(measured) + 1e-5
    said = f"a gradient of {of} of {measured:.5g} along a direction, as a finite difference says"
    expect(near, said, f"{slope:.5g}")
