"""Steps of recurrences, written out: no `nn.GRU`, no complex numbers."""

from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.interest import GRUInterest, LinearRecurrentInterest


class GRUStep(nn.Module):
    """One step of a :class:`GRUInterest`, layer by layer.

    Args:
        interest: whose weights are used.
    """

    def __init__(self, interest: GRUInterest) -> None:
        super().__init__()
        self.inputs, self.layers = interest.inputs, interest.layers
        # The module itself holds its weights twice, which torch.export warns of.
        weights = [weight for layer in interest.gru.all_weights for weight in layer]
        self.weights = nn.ParameterList(cast(list[Tensor], weights))

    def forward(
        self,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"],
        event_type: Int[Tensor, " B"],
        memory: Float[Tensor, "layers B H"],
    ) -> Float[Tensor, "layers B H"]:
        """Return the state after an event."""
        below, after = self.inputs(vectors, gap, event_type), []
        for layer, before in enumerate(memory.unbind(0)):
            below = self._cell(layer, below, before)
            after.append(below)
        return torch.stack(after)

    def _cell(self, layer: int, inputs: Tensor, before: Tensor) -> Tensor:
        enter, turn, enter_bias, turn_bias = (self.weights[4 * layer + i] for i in range(4))
        entering = F.linear(inputs, enter, enter_bias).chunk(3, dim=-1)
        kept = F.linear(before, turn, turn_bias).chunk(3, dim=-1)
        reset = (entering[0] + kept[0]).sigmoid()
        update = (entering[1] + kept[1]).sigmoid()
        new = (entering[2] + reset * kept[2]).tanh()
        return new + update * (before - new)


class LinearStep(nn.Module):
    """One step of a :class:`LinearRecurrentInterest` with real and imaginary parts side by side.

    Args:
        interest: whose weights are used.
    """

    def __init__(self, interest: LinearRecurrentInterest) -> None:
        super().__init__()
        self.inputs, self.norm = interest.inputs, interest.norm
        self.blocks = nn.ModuleList(_RealBlock(block) for block in interest.blocks)

    def forward(
        self,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"],
        event_type: Int[Tensor, " B"],
        memory: Float[Tensor, "layers B N2"],
        last: Float[Tensor, "B D"],
    ) -> tuple[Float[Tensor, "layers B N2"], Float[Tensor, "B D"]]:
        """Return the state after an event; the interest before it isn't read."""
        states, after = self.inputs(vectors, gap, event_type), []
        for block, before in zip(self.blocks, memory.unbind(0), strict=True):
            states, kept = block(states, before)
            after.append(kept)
        return torch.stack(after), self.norm(states)


class _RealBlock(nn.Module):
    """A block of the recurrence; what depends on its weights alone is computed beforehand."""

    real: Tensor
    imaginary: Tensor
    scale: Tensor

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.norm, self.input_proj, self.out = block.norm, block.input_proj, block.out
        self.feed_forward_norm, self.feed_forward = block.feed_forward_norm, block.feed_forward
        decay = cast(Tensor, block.decay).detach().double().exp()
        angle = cast(Tensor, block.angle).detach().double()
        scale = (-torch.expm1(-2 * decay)).clamp(min=1e-6).sqrt()
        self.register_buffer("real", ((-decay).exp() * angle.cos()).float())
        self.register_buffer("imaginary", ((-decay).exp() * angle.sin()).float())
        self.register_buffer("scale", scale.repeat(2).float())

    def forward(self, states: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the block says, and its memory."""
        real, imaginary = before.chunk(2, dim=-1)
        turned = [
            real * self.real - imaginary * self.imaginary,
            real * self.imaginary + imaginary * self.real,
        ]
        memory = torch.cat(turned, dim=-1) + self.input_proj(self.norm(states)) * self.scale  # type: ignore[operator]
        states = states + self.out(memory)  # type: ignore[operator]
        return states + self.feed_forward(self.feed_forward_norm(states)), memory  # type: ignore[operator]
