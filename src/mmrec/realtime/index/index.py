"""The contract of an index of item vectors."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class SearchResult(NamedTuple):
    """The best items of each row, best first; equal scores are in the order of their keys.

    Attributes:
        keys: (B, k) catalogue indices; 0 where fewer than k items were found.
        scores: (B, k) inner products; -inf where fewer than k items were found.
    """

    keys: Int[Tensor, "B k"]
    scores: Float[Tensor, "B k"]


@runtime_checkable
class ItemIndex(Protocol):
    """Item vectors that threads can search while another thread changes them.

    Keys are catalogue indices. They are positive: 0 is padding and never in an index. A change is
    atomic: a search at the same time sees all of it or nothing, and does not wait for it. A call
    that raises ``ValueError`` changes nothing.
    """

    def add(self, keys: Int[Tensor, " N"], vectors: Float[Tensor, "N D"]) -> None:
        """Add items that the index does not hold.

        Raises:
            ValueError: if a key is not positive, is repeated or is present, or if a vector has the
                wrong width or is not finite.
        """

    def update(self, keys: Int[Tensor, " N"], vectors: Float[Tensor, "N D"]) -> None:
        """Give items that the index holds new vectors.

        Raises:
            ValueError: as :meth:`add`, but if a key is absent instead of present.
        """

    def remove(self, keys: Int[Tensor, " N"]) -> None:
        """Remove items that the index holds.

        Raises:
            ValueError: if a key is not positive, is repeated or is absent.
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
        """Return the k items with the highest inner products with each row.

        Both filters apply before the best k are taken, so k items come back if that many pass.

        Args:
            vectors: (B, D) interests.
            k: number of items per row.
            exclude: for each row, keys that must not come back; absent keys are ignored.
            allow: by key, True if it may come back; keys beyond the end may not.

        Raises:
            ValueError: if ``vectors`` have the wrong width or are not finite, k is below 1, or
                ``exclude`` does not have one entry per row.
        """


@runtime_checkable
class SummingIndex(Protocol):
    """An index that scores all its items, so that it can add what depends on the request."""

    def search_sum(
        self,
        vectors: Float[Tensor, "B D"],
        bonus: Float[Tensor, " keys"],
        k: int,
        *,
        exclude: Sequence[Tensor | np.ndarray] | None = None,
        allow: Bool[Tensor, " keys"] | None = None,
    ) -> SearchResult:
        """Return the k items with the highest sums of inner product and bonus, exactly.

        Args:
            vectors: (B, D) interests.
            bonus: by key, what is added to the inner products of all rows; keys beyond the end do
                not come back.
            k: number of items per row.
            exclude: as for :meth:`ItemIndex.search`.
            allow: as for :meth:`ItemIndex.search`.

        Raises:
            ValueError: as for :meth:`ItemIndex.search`.
        """


def rank(keys: Int[Tensor, "B n"], scores: Float[Tensor, "B n"], k: int) -> SearchResult:
    """Return the best k of n items per row; an item with the score -inf was not found.

    Example:
        >>> rank(torch.tensor([[7, 5, 9]]), torch.tensor([[1.0, 1.0, -torch.inf]]), 3)
        SearchResult(keys=tensor([[5, 7, 0]]), scores=tensor([[1., 1., -inf]]))
    """
    keys, order = keys.sort(dim=1)
    # The second sort is stable, so equal scores stay in the order of their keys.
    scores, order = scores.gather(1, order).sort(dim=1, descending=True, stable=True)
    keys, scores = keys.gather(1, order)[:, :k], scores[:, :k]
    keys = keys.masked_fill(scores == -torch.inf, 0)
    missing = k - keys.shape[1]
    if missing > 0:
        keys = torch.nn.functional.pad(keys, (0, missing))
        scores = torch.nn.functional.pad(scores, (0, missing), value=-torch.inf)
    return SearchResult(keys, scores)
