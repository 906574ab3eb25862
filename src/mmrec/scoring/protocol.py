"""The contracts of scorers."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class RetrievalScorer(Protocol):
    """An ``nn.Module`` that scores all items of a pool, and whose scores are inner products.

    ``index_queries(states) @ index_vectors(vectors).T`` must equal the scores up to rounding, so
    that an index of a whole catalogue finds the best items.
    :func:`mmrec.testing.check_scorer` checks a scorer.
    """

    def __call__(
        self, states: Float[Tensor, "N H"], vectors: Float[Tensor, "P D"], /
    ) -> Float[Tensor, "N P"]:
        """Return the score of every item for every interest."""
        ...

    def index_vectors(self, vectors: Float[Tensor, "P D"], /) -> Float[Tensor, "P K"]:
        """Return what an index stores for each item."""
        ...

    def index_queries(self, states: Float[Tensor, "N H"], /) -> Float[Tensor, "N K"]:
        """Return what to look up in an index of :meth:`index_vectors`."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """An ``nn.Module`` that scores each user's own short list of candidates, in whatever order.

    :func:`mmrec.testing.check_reranker` checks a reranker.
    """

    def __call__(
        self, states: Float[Tensor, "N H"], candidates: Float[Tensor, "N K D"], /
    ) -> Float[Tensor, "N K"]:
        """Return the score of each candidate, which is added to its retrieval score."""
        ...
