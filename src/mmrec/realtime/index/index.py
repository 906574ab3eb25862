"""What an index of item vectors can do."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class SearchResult(NamedTuple):
    """The best items of each row, best first; of equal scores the lowest key comes first.

    Attributes:
        keys: (B, k) catalogue indices; 0 where fewer than k items were found.
        scores: (B, k) inner products; -inf where fewer than k items were found.
    """

    keys: Int[Tensor, "B k"]
    scores: Float[Tensor, "B k"]


@runtime_checkable
class ItemIndex(Protocol):
    """Item vectors that can be searched, and changed while others search.

    Keys are catalogue indices: positive, 0 is padding and never in an index. A change is one step:
    a search that runs beside it sees all of it or nothing, and never waits for it. A refused call
    changes nothing.
    """

    def add(self, keys: Int[Tensor, " N"], vectors: Float[Tensor, "N D"]) -> None:
        """Add items that the index does not hold.

        Raises:
            ValueError: if a key is not positive, repeated or present, or a vector is of the wrong
                width or not finite.
        """

    def update(self, keys: Int[Tensor, " N"], vectors: Float[Tensor, "N D"]) -> None:
        """Give items that the index holds new vectors.

        Raises:
            ValueError: as :meth:`add`, but for a key that is absent.
        """

    def remove(self, keys: Int[Tensor, " N"]) -> None:
        """Remove items that the index holds.

        Raises:
            ValueError: if a key is not positive, repeated or absent.
        """

    def __len__(self) -> int: ...

    def __contains__(self, key: int) -> bool: ...

    def search(
        self,
        vectors: Float[Tensor, "B D"],
        k: int,
        *,
        exclude: Sequence[Tensor | np.ndarray] | None = None,
        allow: Bool[Tensor, " keys"] | None = None,
    ) -> SearchResult:
        """The k items with the highest inner product with each row.

        Both filters work before the best k are taken, so k items come back where k may.

        Args:
            vectors: (B, D) interests.
            k: number of items a row.
            exclude: for each row the keys that it must not get; absent keys are ignored.
            allow: True for each key that may come back; keys beyond its end may not.

        Raises:
            ValueError: if ``vectors`` are of the wrong width or not finite, k is below 1, or
                ``exclude`` has not one entry a row.
        """


def rank(keys: Int[Tensor, "B n"], scores: Float[Tensor, "B n"], k: int) -> SearchResult:
    """The best k of each row's n found items; an item scored -inf counts as not found.

    Example:
        >>> rank(torch.tensor([[7, 5, 9]]), torch.tensor([[1.0, 1.0, -torch.inf]]), 3)
        SearchResult(keys=tensor([[5, 7, 0]]), scores=tensor([[1., 1., -inf]]))
    """
    keys, order = keys.sort(dim=1)
    # The sort by score is stable, so equal scores stay in the order of their keys.
    scores, order = scores.gather(1, order).sort(dim=1, descending=True, stable=True)
    keys, scores = keys.gather(1, order)[:, :k], scores[:, :k]
    keys = keys.masked_fill(scores == -torch.inf, 0)
    missing = k - keys.shape[1]
    if missing > 0:
        keys = torch.nn.functional.pad(keys, (0, missing))
        scores = torch.nn.functional.pad(scores, (0, missing), value=-torch.inf)
    return SearchResult(keys, scores)
