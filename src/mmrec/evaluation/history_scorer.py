"""What can be evaluated: anything that scores the catalogue for histories."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor

from mmrec.data import Histories

Rerank = Callable[[Tensor, Histories, Tensor], Tensor]
"""The second stage of a scorer, see :meth:`TwoStageScorer.rerank`."""


@runtime_checkable
class HistoryScorer(Protocol):
    """Anything that scores the catalogue for histories, such as a model or a baseline."""

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index; higher is better."""
        ...


@runtime_checkable
class TwoStageScorer(HistoryScorer, Protocol):
    """A scorer whose scores may become final only in a second stage."""

    @property
    def reranks(self) -> bool:
        """Whether there is a second stage; if not, ``scores`` are final."""
        ...

    def rerank(
        self,
        scores: Float[Tensor, "B V1"],
        histories: Histories,
        exclude: Bool[Tensor, "B V1"],
    ) -> Float[Tensor, "B V1"]:
        """Return the final scores, given the items that are not ranked (``exclude``, True)."""
        ...


def second_stage(scorer: HistoryScorer) -> Rerank | None:
    """Return the ``rerank`` of a scorer, or None where its scores are final.

    Example:
        >>> from mmrec.baselines import Popularity
        >>> second_stage(Popularity()) is None
        True
    """
    return scorer.rerank if isinstance(scorer, TwoStageScorer) and scorer.reranks else None
