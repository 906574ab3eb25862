"""A trained model over one catalogue, ready to score histories."""

import torch
from jaxtyping import Float
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
        popularity: Float[Tensor, " V1"],
        *,
        max_length: int = 200,
    ) -> None:
        self.model, self.vectors, self.max_length = model, vectors, max_length
        self.popularity = popularity.to(vectors)

    @torch.no_grad()
    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index."""
        training = self.model.training
        self.model.eval()
        histories = histories.to(self.vectors.device)
        scores = self.model.scores(histories, self.vectors)
        self.model.train(training)
        return torch.where(histories.mask.any(1, keepdim=True), scores, self.popularity)
