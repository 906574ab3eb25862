"""Gradients beside finite differences."""

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from mmrec.testing.contract import ContractError

Moved = tuple[Tensor, Tensor]
"""A leaf that has the gradient of the sum of an output's sines, and a direction, not 0."""


def expect_slopes(function: Callable[[], Tensor], leaves: Mapping[str, Moved]) -> None:
    """Raise a :class:`ContractError` unless gradients agree with finite differences.

    All leaves are moved at once; where that does not agree, one after the other. The second step is
    for what computes in float32.

    Args:
        function: returns the output, which depends on the leaves.
        leaves: the leaves and the directions in which they are moved, by what they are.

    Example:
        >>> leaf = torch.ones(2, requires_grad=True)
        >>> leaf.grad = torch.zeros(2)
        >>> expect_slopes(lambda: leaf, {"a leaf": (leaf, torch.ones(2))})
        Traceback (most recent call last):
        ...
        mmrec.testing.contract.ContractError: expected a gradient of a leaf of 1.08 along a
        direction, as a finite difference says; got 0
    """
    directions = {of: (leaf, along / along.abs().max()) for of, (leaf, along) in leaves.items()}
    if _agree(*_slopes(function, directions.values(), 1e-6), 1e-4):
        return
    for of, moved in directions.items():
        fine, coarse = (_slopes(function, [moved], step) for step in (1e-6, 1e-2))
        if not _agree(*fine, 1e-3) and not _agree(*coarse, 2e-2):
            given, measured = coarse
            raise ContractError(
                f"expected a gradient of {of} of {measured:.3g} along a direction, as a finite "
                f"difference says; got {given:.3g}"
            )


@torch.no_grad()
def _slopes(
    function: Callable[[], Tensor], moved: Iterable[Moved], step: float
) -> tuple[float, float]:
    """Return the slope that the gradients say, and the one that is measured."""
    leaves = [(leaf, along, leaf.clone()) for leaf, along in moved]
    slopes = [0.0 if x.grad is None else float((x.grad * along).sum()) for x, along, _ in leaves]
    values = []
    for signed in (step, -step):
        for leaf, along, start in leaves:
            leaf.copy_(start + signed * along)
        values.append(float(function().double().sin().sum()))
    for leaf, _, start in leaves:
        leaf.copy_(start)
    return sum(slopes), (values[0] - values[1]) / (2 * step)


def _agree(given: float, measured: float, share: float) -> bool:
    return abs(measured - given) <= share * (abs(measured) + 1e-2)
