"""The step and the readout of an interest with affinities, for export."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.affinities import AffinityInterest
from mmrec.affinities.content import NOVELTY_COLUMNS


class AffinityStep(nn.Module):
    """The step of an interest model, and of the directions of the last items beside it.

    Args:
        interest: the interest with affinities.
        step: the exported step of its interest model.
    """

    def __init__(self, interest: AffinityInterest, step: nn.Module) -> None:
        super().__init__()
        self.step, self.own, self.decay = step, interest.interest.dim, interest.decay
        self.negative_types, self.blocks = interest.negative_types, interest.blocks

    def forward(
        self,
        vectors: Float[Tensor, "B _"],
        gap: Float[Tensor, " B"],
        event_type: Int[Tensor, " B"],
        directions: Float[Tensor, "B E"],
        *state: Tensor,
    ) -> tuple[Tensor, ...]:
        """Return the state after one more event: the directions first."""
        sign = torch.ones_like(gap)
        for number in self.negative_types:
            sign = torch.where(event_type == number, -1.0, sign)
        blocks = _unit(vectors[:, self.own :].split(self.blocks, dim=1))
        after = self.decay * directions + sign.unsqueeze(1) * torch.cat(blocks, dim=1)
        inner = self.step(vectors[:, : self.own], gap, event_type, *state)
        return after, *((inner,) if isinstance(inner, Tensor) else inner)


class AffinityReadout(nn.Module):
    """The interest of a state, with the weighted directions beside it.

    Args:
        interest: the interest with affinities.
        readout: the exported readout of its interest model.
    """

    weights: Tensor
    constant: Tensor

    def __init__(self, interest: AffinityInterest, readout: nn.Module) -> None:
        super().__init__()
        self.readout, self.blocks = readout, interest.blocks
        self.register_buffer("weights", interest.weights)
        constant = interest.weights.new_zeros(NOVELTY_COLUMNS)
        if interest.novelty:
            constant[0] = interest.constant
        self.novelty = interest.novelty
        self.register_buffer("constant", constant)

    def forward(self, directions: Float[Tensor, "B E"], *state: Tensor) -> Float[Tensor, "B _"]:
        """Return the interest."""
        parts = _unit(directions.split(self.blocks, dim=1))
        scaled = [self.weights[number] * part for number, part in enumerate(parts)]
        if self.novelty:
            some = (directions[:, -NOVELTY_COLUMNS:] != 0).any(dim=1, keepdim=True)
            scaled[-1] = scaled[-1] + some * self.constant
        return torch.cat([self.readout(*state), *scaled], dim=1)


def _unit(blocks: Sequence[Tensor]) -> list[Tensor]:
    """Return blocks of length 1, or 0."""
    return [block / block.norm(dim=1, keepdim=True).clamp(min=1e-12) for block in blocks]
