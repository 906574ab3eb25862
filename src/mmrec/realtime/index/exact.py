"""The default index: every item is scored."""

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
from mmrec.realtime.index.storage import Precision, Storage, make_storage

DEAD_SHARE = 1 / 8
"""Share of slots without an item above which the others are copied together."""


class ExactIndex:
    """Scores every item of every search, so a search misses nothing (in float32).

    In bfloat16 and int8 the scan is an estimate: its best ``shortlist`` × k items are ranked in
    float32, the scores that come back are exact, and an item may be missed. Both keep the float32
    vectors as well; they buy time, not memory.

    Adding an item costs the same however many there are, on average. A new vector goes to a free
    slot and the old one is masked, so that no search reads what is being written.

    Args:
        dim: width of an item vector, D.
        dtype: "float32", "bfloat16" or "int8": what the scan reads.
        shortlist: items ranked in float32 after a scan in bfloat16 or int8, as a multiple of k.

    Raises:
        ValueError: if ``dim`` or ``shortlist`` is below 1, or ``dtype`` is another one.

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
        self._slots: dict[int, int] = {}
        none = torch.empty(0, dtype=torch.long)
        self._view = ExactView(make_storage(dim, 0, dtype), none, 0, none, shortlist)

    @property
    def view(self) -> ExactView:
        """What the index holds now."""
        return self._view

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, key: int) -> bool:
        return key in self._slots

    def add(self, keys: Int[Tensor, " N"], vectors: Float[Tensor, "N D"]) -> None:
        """Add items that the index does not hold; see :meth:`ItemIndex.add`."""
        numbers = check_keys(keys)
        vectors = check_vectors(vectors, self.dim, len(numbers))
        with self._lock:
            check_presence(numbers, self.__contains__, present=False)
            self._write(numbers, vectors, [])

    def update(self, keys: Int[Tensor, " N"], vectors: Float[Tensor, "N D"]) -> None:
        """Give items new vectors; see :meth:`ItemIndex.update`."""
        numbers = check_keys(keys)
        vectors = check_vectors(vectors, self.dim, len(numbers))
        with self._lock:
            check_presence(numbers, self.__contains__, present=True)
            self._write(numbers, vectors, [self._slots[key] for key in numbers])

    def remove(self, keys: Int[Tensor, " N"]) -> None:
        """Remove items; see :meth:`ItemIndex.remove`."""
        numbers = check_keys(keys)
        with self._lock:
            check_presence(numbers, self.__contains__, present=True)
            gone = [self._slots[key] for key in numbers]
            self._write([], torch.empty(0, self.dim), gone)
            for key in numbers:
                self._slots.pop(key, None)

    def search(
        self,
        vectors: Float[Tensor, "B D"],
        k: int,
        *,
        exclude: Sequence[Tensor | np.ndarray] | None = None,
        allow: Bool[Tensor, " keys"] | None = None,
    ) -> SearchResult:
        """The k items with the highest inner product; see :meth:`ItemIndex.search`."""
        seen, allow = check_search(len(vectors), k, exclude, allow)
        return self._view.search(check_vectors(vectors, self.dim), k, seen, allow)

    def _write(self, keys: list[int], vectors: Tensor, gone: list[int]) -> None:
        view = self._view
        dead = torch.cat([view.dead, torch.tensor(gone, dtype=torch.long)])
        storage, all_keys, size = view.storage, view.keys, view.size
        if size + len(keys) > storage.capacity or len(dead) > max(64, size * DEAD_SHARE):
            storage, all_keys, size = self._moved(view, dead, len(keys))
            dead = dead[:0]
        end = size + len(keys)
        storage.put(size, vectors)
        all_keys[size:end] = torch.tensor(keys, dtype=torch.long)
        self._slots.update(zip(keys, range(size, end), strict=True))
        # From here on, and not before, a search finds the change.
        self._view = ExactView(storage, all_keys, end, dead, self.shortlist)

    def _moved(self, view: ExactView, dead: Tensor, more: int) -> tuple[Storage, Tensor, int]:
        """The living items in storage of their own, with room for ``more`` and half as many."""
        keys, vectors = replace(view, dead=dead).living()
        capacity = 3 * (len(keys) + more) // 2 + 16
        storage = make_storage(self.dim, capacity, self.dtype)
        storage.put(0, vectors)
        moved = torch.zeros(capacity, dtype=torch.long)
        moved[: len(keys)] = keys
        self._slots.update(zip(keys.tolist(), range(len(keys)), strict=True))
        return storage, moved, len(keys)
