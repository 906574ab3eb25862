"""The mean of a user's events for export, with its state as two tensors."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.interest import MeanInterest, MeanState


class MeanStep(nn.Module):
    """One step of a :class:`MeanInterest`.

    Args:
        interest: the model whose weights are used.
    """

    def __init__(self, interest: MeanInterest) -> None:
        super().__init__()
        self.interest = interest

    def forward(
        self,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"],
        event_type: Int[Tensor, " B"],
        total: Float[Tensor, "B D"],
        weight: Float[Tensor, " B"],
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        """Return the state after one more event."""
        after = self.interest.step(MeanState(total, weight), vectors, gap, event_type)
        return after.total, after.weight


class MeanReadout(nn.Module):
    """The interest of a mean.

    Args:
        interest: the model whose weights are used.
    """

    def __init__(self, interest: MeanInterest) -> None:
        super().__init__()
        self.interest = interest

    def forward(
        self, total: Float[Tensor, "B D"], weight: Float[Tensor, " B"]
    ) -> Float[Tensor, "B D"]:
        """Return the interest after the last event."""
        return self.interest.readout(MeanState(total, weight))
