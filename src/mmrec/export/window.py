"""Attention over a window for export: tensor sizes do not depend on tensor values."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.interest.windowed import WindowedInterest


class WindowStep(nn.Module):
    """One step of an interest that reads a window: a full window drops its oldest event.

    Args:
        interest: the model whose weights are used.
    """

    def __init__(self, interest: WindowedInterest) -> None:
        super().__init__()
        self.interest, self.window = interest, interest.window

    def forward(
        self,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"],
        event_type: Int[Tensor, " B"],
        events: Float[Tensor, "B W K"],
        length: Int[Tensor, " B"],
    ) -> tuple[Float[Tensor, "B W K"], Int[Tensor, " B"]]:
        """Return the state after one more event."""
        inputs = self.interest.inputs(vectors, gap, event_type)
        newest = self.interest.kept_of(inputs, gap).unsqueeze(1)
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

    def __init__(self, interest: WindowedInterest) -> None:
        super().__init__()
        self.interest = interest

    def forward(
        self, events: Float[Tensor, "B W K"], length: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H"]:
        """Return the interest after the last event."""
        states = self.interest.attend(events)
        newest = (length - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, states.shape[2])
        interest = states.gather(1, newest).squeeze(1)
        return interest.masked_fill((length == 0).unsqueeze(-1), 0.0)
