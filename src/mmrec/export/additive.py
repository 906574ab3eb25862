"""Additive attention for export, with its state as three tensors."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.interest import AdditiveAttentionInterest, AdditiveState


class AdditiveStep(nn.Module):
    """One step of an :class:`AdditiveAttentionInterest`.

    Args:
        interest: the model whose weights are used.
    """

    def __init__(self, interest: AdditiveAttentionInterest) -> None:
        super().__init__()
        self.interest = interest

    def forward(
        self,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"],
        event_type: Int[Tensor, " B"],
        total: Float[Tensor, "B D"],
        weight: Float[Tensor, " B"],
        top: Float[Tensor, " B"],
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"], Float[Tensor, " B"]]:
        """Return the state after one more event."""
        before = AdditiveState(total, weight, top)
        after = self.interest.step(before, vectors, gap, event_type)
        return after.total, after.weight, after.top


class AdditiveReadout(nn.Module):
    """The interest of a weighted mean.

    Args:
        interest: the model whose weights are used.
    """

    def __init__(self, interest: AdditiveAttentionInterest) -> None:
        super().__init__()
        self.interest = interest

    def forward(
        self, total: Float[Tensor, "B D"], weight: Float[Tensor, " B"], top: Float[Tensor, " B"]
    ) -> Float[Tensor, "B D"]:
        """Return the interest after the last event."""
        return self.interest.readout(AdditiveState(total, weight, top))
