"""A trained model over one catalogue, ready to score histories."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float, Num
from torch import Tensor, nn

from mmrec.cpu import fast_products
from mmrec.data import Histories
from mmrec.models.sequential import SequentialModel


class CatalogScorer:
    """A model with the vectors of a catalogue.

    A user without history gets the items by popularity: the model has nothing to go by.

    Args:
        model: the model.
        vectors: the vector of every catalogue index, ``(V + 1, D)``.
        popularity: what to score with where a history is empty, ``(V + 1,)``.
        max_length: how many of the last events of a history count.
    """

    def __init__(
        self,
        model: SequentialModel,
        vectors: Float[Tensor, "V1 D"],
        popularity: Num[Tensor, " V1"],
        *,
        max_length: int = 200,
    ) -> None:
        self.model, self.vectors, self.max_length = model, vectors, max_length
        self.popularity = popularity.to(vectors)

    @torch.no_grad()
    @fast_products()
    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the retrieval score of every catalogue index."""
        histories = self._placed(histories)
        with evaluating(self.model):
            scores = self.model.scores(histories, self.vectors)
        # Rows alone, which are few or none: a choice for each score costs as much as ranking it.
        scores[~histories.mask.any(1)] = self.popularity.to(scores.dtype)
        return scores

    @torch.no_grad()
    @fast_products()
    def rerank(
        self,
        scores: Float[Tensor, "B V1"],
        histories: Histories,
        exclude: Bool[Tensor, "B V1"],
    ) -> Float[Tensor, "B V1"]:
        """Return scores with what is excluded at ``-inf`` and the short list of the rest ranked.

        What must not be recommended is taken out first, so that it takes no place on the short
        list. Without a ranking scorer, or without a history, the order of ``scores`` stays.
        """
        scores = scores.masked_fill(exclude, -torch.inf)
        if self.model.reranker is None:
            return scores
        histories = self._placed(histories)
        with evaluating(self.model):
            states = self.model.interests(histories, self.vectors)
            ranked = self.model.rerank(scores, states, self.vectors)
        return torch.where(histories.mask.any(1, keepdim=True), ranked, scores)

    def _placed(self, histories: Histories) -> Histories:
        return histories.tail(self.max_length).to(self.vectors.device)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model in evaluation mode for a while."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
