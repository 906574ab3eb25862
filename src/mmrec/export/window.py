"""Windows of events for export: tensor sizes do not depend on tensor values."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.export.recurrent import GRUStep
from mmrec.interest import NARMInterest
from mmrec.interest.windowed import WindowedInterest


def appended(
    events: Float[Tensor, "B W K"], length: Int[Tensor, " B"], event: Float[Tensor, "B K"]
) -> tuple[Float[Tensor, "B W K"], Int[Tensor, " B"]]:
    """Return a window and its length after one more event."""
    size = events.shape[1]
    full = (length == size).view(-1, 1, 1)
    shifted = torch.cat([events[:, 1:], events[:, :1]], dim=1)
    place = length.clamp(max=size - 1)
    here = torch.arange(size) == place.unsqueeze(1)
    after = torch.where(here.unsqueeze(-1), event.unsqueeze(1), torch.where(full, shifted, events))
    return after, place + 1


class WindowStep(nn.Module):
    """One step of an interest that reads a window: a full window drops its oldest event.

    Args:
        interest: the model whose weights are used.
    """

    def __init__(self, interest: WindowedInterest) -> None:
        super().__init__()
        self.interest = interest

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
        return appended(events, length, self.interest.kept_of(inputs, gap))


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


class NARMStep(nn.Module):
    """One step of a :class:`NARMInterest`: its recurrence, and the window of its outputs.

    Args:
        interest: the model whose weights are used.
    """

    def __init__(self, interest: NARMInterest) -> None:
        super().__init__()
        self.encoder = GRUStep(interest.encoder)

    def forward(
        self,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"],
        event_type: Int[Tensor, " B"],
        memory: Float[Tensor, "layers B H"],
        outputs: Float[Tensor, "B W H"],
        length: Int[Tensor, " B"],
    ) -> tuple[Float[Tensor, "layers B H"], Float[Tensor, "B W H"], Int[Tensor, " B"]]:
        """Return the state after one more event."""
        memory = self.encoder(vectors, gap, event_type, memory)
        return memory, *appended(outputs, length, memory[-1])


class NARMReadout(nn.Module):
    """The interest of the outputs of a recurrence.

    Args:
        interest: the model whose weights are used.
    """

    def __init__(self, interest: NARMInterest) -> None:
        super().__init__()
        self.interest = interest

    def forward(
        self,
        memory: Float[Tensor, "layers B H"],
        outputs: Float[Tensor, "B W H"],
        length: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H"]:
        """Return the interest after the last event."""
        return self.interest.of_window(outputs, length)
