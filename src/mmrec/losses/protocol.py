"""The contracts of losses, and the model output they read."""

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Output(NamedTuple):
    """The output of a model for one batch; N is the number of targets, C that of scored columns.

    A column is a slot of the pool. If the targets are no candidates, there are columns for padding,
    candidates and labeled negatives alone, and a last one: each row's score of its own target.

    Attributes:
        logits: score of every column at every target position, ``(N, C)``.
        target: column of each target, ``(N,)``.
        candidates: columns that the loss compares a target with, ``(C,)``.
        log_q: log probability that a column's item is drawn into a pool, ``(C,)``.
        slots: pool slot of each column, ``(C,)``; 0 for a last column of targets.
        items: catalogue index of each column, ``(C,)``; 0 for a last column of targets.
        positives: pool slot of each target, ``(N,)``.
        states: the interest before each target, ``(N, H)``.
        vectors: the vector of every slot, ``(P, D)``.
        features: the features of every slot, by modality, ``(P, D_m)``.
        present: True for slots that have the modality, by modality, ``(P,)``.
    """

    logits: Float[Tensor, "N C"]
    target: Int[Tensor, " N"]
    candidates: Bool[Tensor, " C"]
    log_q: Float[Tensor, " C"]
    slots: Int[Tensor, " C"]
    items: Int[Tensor, " C"]
    positives: Int[Tensor, " N"]
    states: Float[Tensor, "N H"]
    vectors: Float[Tensor, "P D"]
    features: dict[str, Tensor]
    present: dict[str, Tensor]

    def columns_of(self, slots: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Return the columns of pool slots that are scored."""
        columns = self.slots.new_zeros(len(self.vectors))
        columns[self.slots] = torch.arange(len(self.slots), device=self.slots.device)
        columns[0] = 0  # padding, and not a last column of targets
        return columns[slots]

    def candidates_of(self, items: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Return the columns in which items are candidates; 0 for those that are none."""
        drawn = self.items.masked_fill(~self.candidates, 0)
        order = drawn.argsort()
        place = torch.searchsorted(drawn[order], items).clamp(max=len(drawn) - 1)
        columns = order[place]
        return columns.where((drawn[columns] == items) & (items > 0), 0)


@runtime_checkable
class Loss(Protocol):
    """A loss of the logits over a batch's pool.

    :func:`mmrec.testing.check_loss` checks a loss.
    """

    def __call__(
        self,
        logits: Float[Tensor, "N P"],
        target: Int[Tensor, " N"],
        candidates: Bool[Tensor, " P"],
        log_q: Float[Tensor, " P"],
        /,
    ) -> Float[Tensor, ""]:
        """Return a scalar, in float32 or wider; finite without rows and without candidates.

        Args:
            logits: scores of every slot for every row.
            target: each row's target slot, never 0.
            candidates: slots that are negatives. The others change nothing, NaN included, except
                for each row's own target.
            log_q: log of the probability that a slot's item is in the pool.
        """
        ...


@runtime_checkable
class ClickLoss(Protocol):
    """A loss of the logits of labeled impressions."""

    def __call__(
        self,
        logits: Float[Tensor, "B N"],
        clicked: Bool[Tensor, "B N"],
        shown: Bool[Tensor, "B N"],
        /,
    ) -> Float[Tensor, ""]:
        """Return a scalar, in float32 or wider; finite if nothing was clicked, or shown.

        Args:
            logits: the score of each item of each impression.
            clicked: whether it was clicked.
            shown: True for items, False for padding; what lies there must change nothing.
        """
        ...


@runtime_checkable
class AuxiliaryLoss(Protocol):
    """A part of a model with a training loss of its own, added to that of the logits."""

    auxiliary_weight: float
    """Factor of the loss; a part with weight 0 has none."""

    def auxiliary_loss(self, output: Output) -> Float[Tensor, ""]:
        """Return a scalar."""
        ...
