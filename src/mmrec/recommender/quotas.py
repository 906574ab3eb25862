"""At most so many items of one author, brand or category on a list."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool
from torch import Tensor

from mmrec.data import Catalog
from mmrec.data.conditions import is_not_flat
from mmrec.data.tables import require_columns

AtMost = Mapping[str, int]
"""How many items of a list may have the same value, by column: ``{"author": 2}``."""

Found = tuple[Tensor, Tensor]
"""Catalogue indices, the best first, and their scores."""

Find = Callable[[int, Bool[Tensor, " V1"]], Found]
"""Returns the best so many of the allowed items; fewer only if there are fewer."""

_EMPTY = (None, "")


class Quotas:
    """How many items of a list may have the same value.

    An empty value is not limited. Of several values, as in a column of lists, each counts.

    Args:
        catalog: the items.
        at_most: the number by column, for one column or more.

    Raises:
        ValueError: a column is unknown or has values that can't be compared, or a number is not 1
            or more.

    Example:
        >>> catalog = Catalog({"item_id": [*"abcd"], "author": ["ann", "ann", None, "bob"]})
        >>> def find(count, allowed):
        ...     best = allowed.nonzero().flatten()[:count]
        ...     return best, -best.float()
        >>> Quotas(catalog, {"author": 1}).fill(find, 3, torch.tensor([False] + [True] * 4))[0]
        tensor([1, 3, 4])
    """

    def __init__(self, catalog: Catalog, at_most: AtMost) -> None:
        check_at_most(at_most)
        frame = catalog.frame
        require_columns(frame, list(at_most), "at_most: items")
        self._limits = list(at_most.values())
        self._columns = [_as_lists(frame[name]) for name in at_most]

    def fill(self, find: Find, k: int, allowed: Bool[Tensor, " V1"]) -> Found:
        """Return the best ``k`` items within the quotas; fewer only if there are fewer.

        Items are taken in their order, but for those of a value that has its number. Where too few
        are found, more are looked for among the items of other values.

        Args:
            find: finds the best items.
            k: how many.
            allowed: the only items that may be taken, ``(V + 1,)``.
        """
        counts: list[Counter[Any]] = [Counter() for _ in self._columns]
        chosen: list[Found] = []
        left, count = k, k
        while left > 0:
            indices, scores = find(max(count, left), allowed)
            kept = self._take(indices.tolist(), left, counts)
            chosen.append((indices[kept], scores[kept]))
            if not kept:
                break
            left, count = left - len(kept), min(2 * count, 4 * k)
            if not left:
                break
            allowed = allowed & ~self._full(counts).to(allowed.device)
            allowed = allowed.index_fill(0, indices[kept].to(allowed.device), False)
        return torch.cat([one for one, _ in chosen]), torch.cat([one for _, one in chosen])

    def _take(self, indices: Sequence[int], most: int, counts: list[Counter[Any]]) -> list[int]:
        """Return the places of the first items within the quotas, and count their values."""
        rows = [index - 1 for index in indices]
        lists = [column.gather(rows).to_list() for column in self._columns]
        kept: list[int] = []
        for place, values in enumerate(zip(*lists, strict=True)):
            held = [{one for one in some or () if not _is_empty(one)} for some in values]
            pairs = zip(held, counts, self._limits, strict=True)
            if any(found[one] >= limit for some, found, limit in pairs for one in some):
                continue
            for some, found in zip(held, counts, strict=True):
                found.update(some)
            kept.append(place)
            if len(kept) == most:
                break
        return kept

    def _full(self, counts: list[Counter[Any]]) -> Bool[Tensor, " V1"]:
        """Return which items have a value that has its number."""
        full = pl.Series([False] * len(self._columns[0]), dtype=pl.Boolean)
        for column, found, limit in zip(self._columns, counts, self._limits, strict=True):
            values = [one for one, number in found.items() if number >= limit]
            if not values:
                continue
            wanted = pl.Series(values, dtype=column.dtype.inner).implode()  # type: ignore[attr-defined]
            has = pl.element().is_in(wanted)
            full |= column.list.eval(has).list.any().fill_null(False)
        return torch.cat([torch.tensor([False]), torch.from_numpy(full.to_numpy().copy())])


def check_at_most(at_most: object) -> None:
    """Raise a ``ValueError`` unless there is a whole number of 1 or more for each of some columns.

    Example:
        >>> check_at_most({"author": 0})
        Traceback (most recent call last):
        ...
        ValueError: at_most must be numbers of 1 or more by column, such as {'author': 2}; got ...
    """
    pairs: Any = at_most.items() if isinstance(at_most, Mapping) else [(None, None)]
    for name, number in pairs:
        whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
        if not isinstance(name, str) or not whole or number < 1:
            raise ValueError(
                "at_most must be numbers of 1 or more by column, such as {'author': 2}; "
                f"got {at_most!r:.100}"
            )


def read_at_most(texts: Sequence[str]) -> dict[str, int]:
    """Return the numbers by column that texts such as ``"author:2"`` say.

    Raises:
        ValueError: a text is another one, or names a column again.

    Example:
        >>> read_at_most(["author:2", "brand:3"])
        {'author': 2, 'brand': 3}
    """
    made: dict[str, int] = {}
    for text in texts:
        name, _, number = text.rpartition(":")
        if not name.strip() or name.strip() in made or not number.strip().isdecimal():
            raise ValueError(
                f"at_most must be a column and a number, such as author:2, each column once; "
                f"got {text!r:.100}"
            )
        made[name.strip()] = int(number)
    check_at_most(made)
    return made


def _as_lists(column: pl.Series) -> pl.Series:
    """Return a column of lists of values.

    Raises:
        ValueError: the values can't be compared.
    """
    kind = column.dtype
    if isinstance(kind, pl.Array):
        column = column.arr.to_list()
    elif not isinstance(kind, pl.List):
        column = column.reshape((len(column), 1)).arr.to_list()
    if is_not_flat(column.explode()):
        raise ValueError(f"at_most: {column.name} must hold values or lists of values; got {kind}")
    return column


def _is_empty(value: Any) -> bool:
    return value in _EMPTY or value != value or (isinstance(value, str) and not value.strip())
