"""Self-attention over a window for export: tensor sizes do not depend on tensor values."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.interest import SelfAttentionInterest


class WindowStep(nn.Module):
    """One step of a :class:`SelfAttentionInterest`: a full window drops its oldest event.

    Args:
        interest: the model whose weights are used.
    """

    def __init__(self, interest: SelfAttentionInterest) -> None:
        super().__init__()
        self.inputs, self.window = interest.inputs, interest.window

    def forward(
        self,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"],
        event_type: Int[Tensor, " B"],
        events: Float[Tensor, "B W D"],
        length: Int[Tensor, " B"],
    ) -> tuple[Float[Tensor, "B W D"], Int[Tensor, " B"]]:
        """Return the state after one more event."""
        newest = self.inputs(vectors, gap, event_type).unsqueeze(1)
        full = (length == self.window).view(-1, 1, 1)
        shifted = torch.cat([events[:, 1:], events[:, :1]], dim=1)
        place = length.clamp(max=self.window - 1)
        here = torch.arange(self.window) == place.unsqueeze(1)
        after = torch.where(here.unsqueeze(-1), newest, torch.where(full, shifted, events))
        return after, place + 1


class WindowReadout(nn.Module):
    """The interest of a window; zeros where there is no event.

    Args:
        interest: the model whose weights are used.
    """

    def __init__(self, interest: SelfAttentionInterest) -> None:
        super().__init__()
        self.blocks, self.norm = interest.blocks, interest.norm
        self.positions = interest.positions

    def forward(
        self, events: Float[Tensor, "B W D"], length: Int[Tensor, " B"]
    ) -> Float[Tensor, "B D"]:
        """Return the interest after the last event."""
        # Padding is on the right, so the causal mask hides it from all events.
        states = events + self.positions
        for block in self.blocks:
            states = block(states)
        newest = (length - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, events.shape[2])
        interest: Tensor = self.norm(states.gather(1, newest).squeeze(1))
        return interest.masked_fill((length == 0).unsqueeze(-1), 0.0)
