"""A diagonal linear recurrence over all steps of a history at once."""

from typing import Any

import torch
from jaxtyping import Complex
from torch import Tensor
from torch.autograd.function import once_differentiable


def scan(
    inputs: Complex[Tensor, "B T N"], log_rate: Complex[Tensor, " N"]
) -> Complex[Tensor, "B T N"]:
    """``h_t = exp(log_rate) h_(t-1) + x_t`` for all t, in log2(T) rounds that double the reach.

    Example:
        >>> ones = torch.ones(1, 3, 1, dtype=torch.complex64)
        >>> scan(ones, torch.tensor([0.5 + 0j]).log()).real.flatten()
        tensor([1.0000, 1.5000, 1.7500])
    """
    memory: Tensor = _Scan.apply(inputs, log_rate.exp())
    return memory


class _Scan(torch.autograd.Function):
    """Keeps the result of the last round alone; autograd would keep, and pad, that of each."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, rate: Tensor) -> Tensor:
        memory = _doubled(inputs, rate)
        ctx.save_for_backward(memory, rate)
        return memory

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        memory, rate = ctx.saved_tensors
        # What a step hears from later ones is the same recurrence, run from the end.
        heard = _doubled(grad.flip(1), rate.conj()).flip(1)
        return heard, (heard[:, 1:] * memory[:, :-1].conj()).sum((0, 1))


def _doubled(inputs: Tensor, rate: Tensor) -> Tensor:
    memory, reach = inputs.clone(), 1
    while reach < inputs.shape[1]:
        # The product is a tensor of its own, so nothing is read after it was written.
        memory[:, reach:] += memory[:, :-reach] * rate
        rate, reach = rate * rate, 2 * reach
    return memory
