"""Content alone: items whose vectors are near those of the history."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from mmrec.baselines.decayed import check_decay, decayed
from mmrec.data import Histories, Sequences

LACKING = -2.0
"""The score of an item without content, below every cosine."""


class ContentNearest:
    """Scores an item by the cosine of its content vector and the mean of those of the history.

    Nothing is learned from events. Vectors are centered over the items that have one, and scaled to
    length 1. The mean is over the last items of the history that have a vector; the last counts
    most. Items without a vector rank last.

    Args:
        vectors: a vector of each catalogue index, such as that of a frozen text encoder,
            ``(V + 1, E)``.
        present: which indices have one, ``(V + 1,)``; index 0 is padding.
        decay: weight of an item relative to the one after it.
        last: number of items of a history that count, those without a vector included.

    Raises:
        ValueError: the arguments differ in length, or a number is out of range.

    Example:
        >>> vectors = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.9, 0.2], [-1.0, 0.0]])
        >>> near = ContentNearest(vectors, torch.tensor([False, True, True, True]))
        >>> near.scores(Histories.of_items([[1]]))[0].argsort(descending=True).tolist()
        [1, 2, 3, 0]
    """

    def __init__(
        self,
        vectors: Float[Tensor, "V1 E"],
        present: Bool[Tensor, " N"],
        *,
        decay: float = 0.8,
        last: int = 20,
    ) -> None:
        if len(vectors) != len(present):
            raise ValueError(
                f"vectors and present must have one row per index; got {len(vectors)} and "
                f"{len(present)}"
            )
        if last < 1:
            raise ValueError(f"last must be 1 or more; got {last}")
        check_decay(decay)
        self.decay, self.last, self.present = decay, last, present
        self.vectors = centered(vectors, present)

    def fit(self, events: Sequences, catalog_size: int) -> "ContentNearest":
        """Check that there is a vector for each catalogue index; there is nothing to learn.

        Raises:
            ValueError: there are more or fewer.
        """
        if len(self.vectors) != catalog_size + 1:
            raise ValueError(
                f"vectors must have {catalog_size + 1} rows, one an index; got {len(self.vectors)}"
            )
        return self

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index for each history."""
        recent = histories.tail(self.last)
        weights = decayed(recent, self.decay).unsqueeze(1)
        mean = (weights @ self.vectors[recent.items]).squeeze(1)
        scores = normalize(mean, dim=-1) @ self.vectors.T
        return scores.masked_fill_(~self.present, LACKING)


def centered(vectors: Float[Tensor, "V1 E"], present: Bool[Tensor, " V1"]) -> Float[Tensor, "V1 E"]:
    """Return vectors minus their mean, scaled to length 1; zeros where there is none, float32."""
    own = vectors[present].float()
    result = torch.zeros(vectors.shape)
    if len(own):
        result[present] = normalize(own - own.mean(0), dim=-1)
    return result
