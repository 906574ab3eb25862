"""Steps of recurrences for export, without ``nn.GRU`` and complex numbers."""

from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.interest import GRUInterest, LinearRecurrentInterest
from mmrec.interest.linear import RecurrentBlock


class GRUStep(nn.Module):
    """One step of a :class:`GRUInterest`, layer by layer.

    Args:
        interest: the model whose weights are used.
    """

    def __init__(self, interest: GRUInterest) -> None:
        super().__init__()
        self.inputs, self.layers = interest.inputs, interest.layers
        # Not the nn.GRU itself: it holds its weights twice, and torch.export warns about that.
        weights = [weight for layer in interest.gru.all_weights for weight in layer]
        self.weights = nn.ParameterList(cast(list[Tensor], weights))

    def forward(
        self,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"],
        event_type: Int[Tensor, " B"],
        memory: Float[Tensor, "layers B H"],
    ) -> Float[Tensor, "layers B H"]:
        """Return the state after one more event."""
        states, after = self.inputs(vectors, gap, event_type), []
        for layer, before in enumerate(memory.unbind(0)):
            states = self._cell(layer, states, before)
            after.append(states)
        return torch.stack(after)

    def _cell(self, layer: int, inputs: Tensor, before: Tensor) -> Tensor:
        weight_ih, weight_hh, bias_ih, bias_hh = (self.weights[4 * layer + i] for i in range(4))
        input_gates = F.linear(inputs, weight_ih, bias_ih).chunk(3, dim=-1)
        memory_gates = F.linear(before, weight_hh, bias_hh).chunk(3, dim=-1)
        reset = (input_gates[0] + memory_gates[0]).sigmoid()
        update = (input_gates[1] + memory_gates[1]).sigmoid()
        new = (input_gates[2] + reset * memory_gates[2]).tanh()
        return new + update * (before - new)


class LinearStep(nn.Module):
    """One step of a :class:`LinearRecurrentInterest` with real and imaginary parts side by side.

    Args:
        interest: the model whose weights are used.
    """

    def __init__(self, interest: LinearRecurrentInterest) -> None:
        super().__init__()
        self.inputs, self.norm = interest.inputs, interest.norm
        self.blocks = nn.ModuleList(
            _RealBlock(cast(RecurrentBlock, block)) for block in interest.blocks
        )

    def forward(
        self,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"],
        event_type: Int[Tensor, " B"],
        memory: Float[Tensor, "layers B N2"],
        last: Float[Tensor, "B D"],
    ) -> tuple[Float[Tensor, "layers B N2"], Float[Tensor, "B D"]]:
        """Return the state after an event; ``last``, the interest before it, is not used."""
        states, after = self.inputs(vectors, gap, event_type), []
        for block, before in zip(self.blocks, memory.unbind(0), strict=True):
            states, memory_after = block(states, before)
            after.append(memory_after)
        return torch.stack(after), self.norm(states)


class _RealBlock(nn.Module):
    """A block of the recurrence; values that depend only on its weights are computed once."""

    real: Tensor
    imaginary: Tensor
    scale: Tensor

    def __init__(self, block: RecurrentBlock) -> None:
        super().__init__()
        self.norm, self.input_proj, self.output_proj = (
            block.norm,
            block.input_proj,
            block.output_proj,
        )
        self.feed_forward_norm, self.feed_forward = block.feed_forward_norm, block.feed_forward
        decay = block.decay.detach().double().exp()
        angle = block.angle.detach().double()
        scale = (-torch.expm1(-2 * decay)).clamp(min=1e-6).sqrt()
        self.register_buffer("real", ((-decay).exp() * angle.cos()).float())
        self.register_buffer("imaginary", ((-decay).exp() * angle.sin()).float())
        self.register_buffer("scale", scale.repeat(2).float())

    def forward(self, states: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Return the states after the block, and its memory."""
        real, imaginary = before.chunk(2, dim=-1)
        decayed = [
            real * self.real - imaginary * self.imaginary,
            real * self.imaginary + imaginary * self.real,
        ]
        memory = torch.cat(decayed, dim=-1) + self.input_proj(self.norm(states)) * self.scale
        states = states + self.output_proj(memory)
        return states + self.feed_forward(self.feed_forward_norm(states)), memory
