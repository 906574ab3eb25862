"""The default index, which scores all items."""

from collections.abc import Sequence
from dataclasses import replace
from threading import Lock
from typing import get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.realtime.index.checks import check_keys, check_presence, check_search, check_vectors
from mmrec.realtime.index.exact_view import ExactView
from mmrec.realtime.index.index import SearchResult
from mmrec.realtime.index.storage import Precision, make_storage

DEAD_SHARE = 1 / 8
"""Share of dead slots (without an item) above which the items are copied to new storage."""


class ExactIndex:
    """Scores all items in each search; with float32 the result is exact.

    With bfloat16 and int8 the scan estimates the scores. The best ``shortlist`` × k items are then
    ranked in float32, so the returned scores are exact, but an item may be missed. The float32
    vectors are kept too, so these types save time but no memory.

    Adding an item takes the same time whatever the number of items, on average. A new vector is
    written to a free slot and the old slot is masked, so no search reads a slot that is being
    written. An array by key finds the slots: its memory grows with the highest key.

    Args:
        dim: width of an item vector, D.
        dtype: type of the scanned vectors: "float32", "bfloat16" or "int8".
        shortlist: items ranked in float32 after a bfloat16 or int8 scan, as a multiple of k.

    Raises:
        ValueError: if ``dim`` or ``shortlist`` is below 1, or ``dtype`` is unknown.

    Example:
        >>> index = ExactIndex(2)
        >>> index.add(torch.tensor([4, 7, 9]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]]))
        >>> index.search(torch.tensor([[1.0, 0.5]]), 2, exclude=[torch.tensor([9])])
        SearchResult(keys=tensor([[4, 7]]), scores=tensor([[1.0000, 0.5000]]))
        >>> index.remove(torch.tensor([4]))
        >>> len(index), 4 in index
        (2, False)
    """

    def __init__(self, dim: int, *, dtype: Precision = "float32", shortlist: int = 8) -> None:
        if dim < 1 or shortlist < 1:
            raise ValueError(
                f"ExactIndex expects dim and shortlist of 1 or more; got {dim} and {shortlist}"
            )
        if dtype not in get_args(Precision):
            raise ValueError(f"ExactIndex expects dtype float32, bfloat16 or int8; got {dtype}")
        self.dim = dim
        self.dtype = dtype
        self.shortlist = shortlist
        self._lock = Lock()
        none = torch.empty(0, dtype=torch.long)
        places = torch.full((1,), -1, dtype=torch.int32)
        self._view = ExactView(make_storage(dim, 0, dtype), none, places, 0, none, shortlist)

    @property
    def view(self) -> ExactView:
        """The present content of the index."""
        return self._view

    def __len__(self) -> int:
        return len(self._view)

    def __contains__(self, key: int) -> bool:
        return bool(self._view.find(torch.tensor([key])) >= 0)

    def check(self, keys: Int[Tensor, " N"], *, present: bool) -> None:
        """Check that all keys are in the index, or that none is.

        Raises:
            ValueError: a key is absent though ``present`` is True, or the other way round.
        """
        check_presence(keys.tolist(), (self._view.find(keys) >= 0).tolist(), present=present)

    def add(self, keys: Int[Tensor, " N"], vectors: Float[Tensor, "N D"]) -> None:
        """Add items that the index does not hold; see :meth:`ItemIndex.add`."""
        keys = check_keys(keys)
        vectors = check_vectors(vectors, self.dim, len(keys))
        with self._lock:
            self.check(keys, present=False)
            self._write(keys, vectors, keys[:0])

    def update(self, keys: Int[Tensor, " N"], vectors: Float[Tensor, "N D"]) -> None:
        """Give items new vectors; see :meth:`ItemIndex.update`."""
        keys = check_keys(keys)
        vectors = check_vectors(vectors, self.dim, len(keys))
        with self._lock:
            self.check(keys, present=True)
            self._write(keys, vectors, keys)

    def remove(self, keys: Int[Tensor, " N"]) -> None:
        """Remove items; see :meth:`ItemIndex.remove`."""
        keys = check_keys(keys)
        with self._lock:
            self.check(keys, present=True)
            self._write(keys[:0], torch.empty(0, self.dim), keys)

    def search(
        self,
        vectors: Float[Tensor, "B D"],
        k: int,
        *,
        exclude: Sequence[Tensor | np.ndarray] | None = None,
        allow: Bool[Tensor, " keys"] | None = None,
    ) -> SearchResult:
        """Return the k items with the highest inner products; see :meth:`ItemIndex.search`."""
        seen, allow = check_search(len(vectors), k, exclude, allow)
        return self._view.search(check_vectors(vectors, self.dim), k, seen, allow)

    def search_sum(
        self,
        vectors: Float[Tensor, "B D"],
        bonus: Float[Tensor, " bonus"],
        k: int,
        *,
        exclude: Sequence[Tensor | np.ndarray] | None = None,
        allow: Bool[Tensor, " keys"] | None = None,
    ) -> SearchResult:
        """Return the k items with the highest sums of inner product and bonus.

        All are computed in float32, whatever the type of the scan; see
        ``SummingIndex.search_sum``.

        Example:
            >>> index = ExactIndex(1)
            >>> index.add(torch.tensor([1, 2, 3]), torch.tensor([[1.0], [2.0], [9.0]]))
            >>> index.search_sum(torch.ones(1, 1), torch.tensor([0.0, 5.0, 0.0]), 2)
            SearchResult(keys=tensor([[1, 2]]), scores=tensor([[6., 2.]]))
        """
        seen, allow = check_search(len(vectors), k, exclude, allow)
        return self._view.search(check_vectors(vectors, self.dim), k, seen, allow, bonus)

    def _write(self, keys: Tensor, vectors: Tensor, gone: Tensor) -> None:
        view = self._view
        if len(gone):
            # A copy, because searches may be reading the old array.
            places = view.places.index_fill(0, gone, -1)
            dead = torch.cat([view.dead, view.find(gone)])
            view = replace(view, places=places, dead=dead)
        many_dead = len(view.dead) > max(64, view.size * DEAD_SHARE)
        if view.size + len(keys) > view.storage.capacity or many_dead:
            view = self._moved(view, len(keys))
        if len(keys) and int(keys.max()) >= len(view.places):
            view = replace(view, places=_resized(view.places, 3 * int(keys.max()) // 2 + 16))
        end = view.size + len(keys)
        view.storage.put(view.size, vectors)
        view.keys[view.size : end] = keys
        view.places[keys] = torch.arange(view.size, end, dtype=torch.int32)
        # Searches see the whole change from here on, and nothing of it before.
        self._view = replace(view, size=end)

    def _moved(self, view: ExactView, more: int) -> ExactView:
        """Copy the living items to storage with room for ``more`` and half as many again."""
        keys, vectors = view.living()
        capacity = 3 * (len(keys) + more) // 2 + 16
        storage = make_storage(self.dim, capacity, self.dtype)
        storage.put(0, vectors)
        places = torch.full_like(view.places, -1)
        places[keys] = torch.arange(len(keys), dtype=torch.int32)
        moved = torch.zeros(capacity, dtype=torch.long)
        moved[: len(keys)] = keys
        return ExactView(storage, moved, places, len(keys), view.dead[:0], self.shortlist)


def _resized(places: Int[Tensor, " old"], length: int) -> Int[Tensor, " new"]:
    """Return a longer copy, without slots for the keys that it adds."""
    return torch.nn.functional.pad(places, (0, length - len(places)), value=-1)
