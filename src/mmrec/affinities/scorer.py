"""Scorers over interests and item vectors that have affinities beside what was learned."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.affinities.content import NOVELTY_COLUMNS
from mmrec.layers import at_least_float32, full_precision
from mmrec.scoring import Reranker, RetrievalScorer


class AffinityScorer(nn.Module):
    """Adds the product of the affinity columns to the score of the learned ones.

    Both are products, so an index of :meth:`index_vectors` holds the sum.

    With ``novelty``, a ``share`` of the learned score of a new item counts: it was trained on none
    of these, and content may tell more.

    Args:
        scorer: scores interests (H) and item vectors (D).
        width: E, the number of affinity columns at the end of interests and of item vectors.
        novelty: whether the last two columns tell new items, see
            :class:`mmrec.affinities.ContentDirections`.

    Example:
        >>> from mmrec.scoring import DotScorer
        >>> scorer = AffinityScorer(DotScorer(normalize=True), 1)
        >>> scorer(torch.tensor([[2.0, 0.0, 3.0]]), torch.tensor([[5.0, 0.0, 0.5]]))
        tensor([[2.5000]])
    """

    share: Tensor

    def __init__(self, scorer: RetrievalScorer, width: int, *, novelty: bool = False) -> None:
        super().__init__()
        self.scorer, self.width, self.novelty = scorer, width, novelty
        if novelty:
            self.register_buffer("share", torch.ones(()))

    def forward(
        self, states: Float[Tensor, "N H"], vectors: Float[Tensor, "P D"]
    ) -> Float[Tensor, "N P"]:
        """Return the score of every item for every interest."""
        scores = self.learned(states, vectors)
        return scores + self.affinity(states, vectors).to(scores)

    def learned(
        self, states: Float[Tensor, "N H"], vectors: Float[Tensor, "P D"]
    ) -> Float[Tensor, "N P"]:
        """Return the score of the learned columns."""
        scores = self.scorer(self._learned(states), self._learned(vectors))
        return scores * self._counted(vectors).to(scores) if self.novelty else scores

    def affinity(
        self, states: Float[Tensor, "N H"], vectors: Float[Tensor, "P D"]
    ) -> Float[Tensor, "N P"]:
        """Return what the affinities add to the score."""
        with full_precision(states):
            return self._columns(states) @ self._columns(vectors).T

    def index_queries(self, states: Float[Tensor, "N H"]) -> Float[Tensor, "N K"]:
        """Return what to look up in an index."""
        queries = self.scorer.index_queries(self._learned(states))
        return torch.cat([queries, self._columns(states).to(queries)], dim=-1)

    def index_vectors(self, vectors: Float[Tensor, "P D"]) -> Float[Tensor, "P K"]:
        """Return what an index stores for each item."""
        keys = self.scorer.index_vectors(self._learned(vectors))
        if self.novelty:
            keys = keys * self._counted(vectors).unsqueeze(-1).to(keys)
        return torch.cat([keys, self._columns(vectors).to(keys)], dim=-1)

    def _learned(self, values: Tensor) -> Tensor:
        return values[..., : values.shape[-1] - self.width]

    def _counted(self, vectors: Float[Tensor, "P D"]) -> Float[Tensor, " P"]:
        """Return how many times the learned score of each item counts."""
        new = vectors[..., -NOVELTY_COLUMNS] > 0.5
        return torch.where(new, self.share, torch.ones_like(self.share))

    def _columns(self, values: Tensor) -> Tensor:
        return at_least_float32(values[..., values.shape[-1] - self.width :])


class LearnedReranker(nn.Module):
    """A reranker that reads the learned columns alone.

    Args:
        reranker: scores interests (H) and candidates (D).
        width: E, the number of affinity columns at the end of both.
    """

    def __init__(self, reranker: Reranker, width: int) -> None:
        super().__init__()
        self.reranker, self.width = reranker, width

    def forward(
        self, states: Float[Tensor, "N H"], candidates: Float[Tensor, "N K D"]
    ) -> Float[Tensor, "N K"]:
        """Return the score of each row's own candidates."""
        learned = states[..., : states.shape[-1] - self.width]
        scores: Tensor = self.reranker(
            learned, candidates[..., : candidates.shape[-1] - self.width]
        )
        return scores


class LearnedRequest(nn.Module):
    """A request that changes the learned columns of an interest alone.

    Args:
        request: changes interests (H) by the seconds since the last event.
        width: E, the number of affinity columns at the end.
    """

    def __init__(self, request: nn.Module, width: int) -> None:
        super().__init__()
        self.request, self.width = request, width

    def forward(
        self, interest: Float[Tensor, "N H"], since: Float[Tensor, " N"]
    ) -> Float[Tensor, "N H"]:
        """Return interests at a request, ``since`` seconds after the last event."""
        own = interest.shape[-1] - self.width
        moved: Tensor = self.request(interest[..., :own], since)
        return torch.cat([moved, interest[..., own:]], dim=-1)
