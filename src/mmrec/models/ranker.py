"""A trained model over one catalogue, ready to score histories."""

import torch
from jaxtyping import Float, Num
from torch import Tensor

from mmrec.data import Histories
from mmrec.models.sequential import SequentialModel


class CatalogRanker:
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
    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index."""
        histories = _last(histories, self.max_length).to(self.vectors.device)
        training = self.model.training
        self.model.eval()
        try:
            scores = self.model.scores(histories, self.vectors)
        finally:
            self.model.train(training)
        return torch.where(histories.mask.any(1, keepdim=True), scores, self.popularity)


def _last(histories: Histories, steps: int) -> Histories:
    """Keep the last ``steps`` events of each history."""
    if histories.items.shape[1] <= steps:
        return histories
    first = (histories.mask.sum(1, keepdim=True) - steps).clamp(min=0)
    at = first + torch.arange(steps, device=first.device)
    return Histories(*(t.gather(1, at) for t in (histories.items, histories.gap, histories.kind)))
