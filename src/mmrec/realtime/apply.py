"""Changes of items, gathered to one step: what is encoded again, and what is available."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
import polars as pl
import torch
from jaxtyping import Int
from torch import Tensor

from mmrec.data import Catalog
from mmrec.data.wording import counted
from mmrec.realtime.left_out import LeftOut, by_column, without_unreadable
from mmrec.realtime.log.item_changes import Action, ItemChange
from mmrec.recommender import RecommenderState
from mmrec.recommender.content.fitted import check_features
from mmrec.trends import CreatedTimes

log = logging.getLogger(__name__)

Encoded = tuple[Tensor, dict[str, Tensor]]
"""Vectors of items, ``(N, D)``, and the contributions of their modalities."""

Encode = Callable[[Catalog, Mapping[str, np.ndarray], np.ndarray], Encoded]
"""Encodes items, given features of some modalities and the items' positions in the vocabulary."""


class CatalogEdit:
    """Changes of items in their order, as one step from one state to the next.

    A column that no modality reads, such as a price or a stock, changes no vector. Items with other
    content are encoded at the end, all of them at once, and keep their ids.

    Args:
        state: what the changes start from; it stays as it is.
        times: keeps what is known of the times of its items, for the next edit.

    Attributes:
        catalog: the catalogue after the changes.
        stale: once :meth:`encode` was called, the catalogue indices of items that it encoded: new
            ones, and those with other content, in their order.
        available: by catalogue index, whether an item that was removed or restored is available.

    Example:
        >>> import mmrec
        >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
        >>> items = {"item_id": [*"abc"], "stock": [3, 4, 5]}
        >>> options = mmrec.Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
        >>> edit = CatalogEdit(mmrec.Recommender.fit(events, items, options=options).state)
        >>> rows = pl.DataFrame({"item_id": ["b"], "stock": [0]})
        >>> _ = edit.apply(ItemChange("update", rows, {}))
        >>> _ = edit.encode(edit.state.encode)
        >>> edit.catalog.row("b")["stock"], len(edit.stale)
        (0, 0)
    """

    def __init__(
        self, state: RecommenderState, times: dict[str, pl.DataFrame] | None = None
    ) -> None:
        self.state, self.catalog = state, state.catalog.copy()
        self.available: dict[int, bool] = {}
        self._created = CreatedTimes(state.catalog, times)
        self._readers: dict[str, list[str]] = defaultdict(list)
        for name, fitted in state.modalities.items():
            for column in fitted.columns_read:
                self._readers[column].append(name)
        # Items that may have other content, each with the features that were given with it.
        self._touched: dict[int, dict[str, np.ndarray]] = {}
        self.stale: Int[np.ndarray, " N"] = np.zeros(0, dtype=np.int64)
        self._dated: set[int] = set()

    def apply(self, change: ItemChange) -> ItemChange:
        """Apply a change, and return it with the types of the catalogue.

        Raises:
            ValueError: an id to add is in the catalogue already, an id to change, remove or restore
                isn't, a column is unknown, a value doesn't fit its type, a time can't be read
                beside those of the catalogue, or features don't fit the encoders. Then nothing is
                changed.
        """
        if change.action in ("remove", "restore"):
            indices = self.catalog.indices_of(change.rows["item_id"].to_list())
            self.available |= dict.fromkeys(indices.tolist(), change.action == "restore")
            return change
        check_features(self.state.model, change.features, len(change.rows))
        rows = self.catalog.typed(change.rows)
        self._created.check(rows)
        if change.action == "add":
            indices = np.asarray(self.catalog.append(rows))
        else:
            indices = self.catalog.update(rows)
            if self._created.column(rows) is not None:
                self._dated.update(indices.tolist())
        self._created.take(rows)
        outdated = {name for column in rows.columns for name in self._readers.get(column, ())}
        if change.action == "add" or outdated or change.features:
            for row, index in enumerate(indices.tolist()):
                given = self._touched.setdefault(index, {})
                for name in outdated:
                    given.pop(name, None)
                given |= {name: values[row] for name, values in change.features.items()}
        return change._replace(rows=rows)

    def follow(self, changes: Iterable[ItemChange]) -> None:
        """Apply changes of a log. What doesn't fit this catalogue is skipped, and logged.

        If two processes have added an item at the same time, the second addition updates it.
        """
        left_out = LeftOut()
        for part in chain.from_iterable(map(self._parts, changes)):
            for fine in left_out.without(part, self.catalog):
                self._follow(fine)
        left_out.say()

    def _follow(self, change: ItemChange) -> None:
        try:
            self.apply(change)
        except ValueError:
            for column in by_column(change):  # some columns may fit
                if len((fitting := without_unreadable(column, self._created)).rows):
                    self._try(fitting)

    def _try(self, change: ItemChange) -> None:
        try:
            self.apply(change)
        except ValueError as error:
            first = change.rows["item_id"].head(3).to_list()
            log.warning(
                "%s of %s is skipped, first %s: %s",
                change.action,
                counted(len(change.rows), "item"),
                first,
                error,
            )

    @property
    def dated(self) -> Int[np.ndarray, " N"]:
        """Catalogue indices of items that were there before and got another date, or none."""
        known = [index for index in self._dated if index <= len(self.state.catalog)]
        return np.array(sorted(known), dtype=np.int64)

    def encode(self, encode: Encode) -> Encoded:
        """Encode the items in :attr:`stale`; return their vectors and contributions."""
        self.stale = self._with_other_content()
        groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for index in self.stale.tolist():
            groups[tuple(sorted(self._touched[index]))].append(index)
        made = [self._encoded(encode, names, indices) for names, indices in groups.items()]
        if not made:
            return self.state.vectors[:0], {}
        order = torch.tensor([index for indices in groups.values() for index in indices]).argsort()
        vectors = torch.cat([vectors for vectors, _ in made])[order]
        shares = {name: torch.cat([part[name] for _, part in made])[order] for name in made[0][1]}
        return vectors, shares

    def _encoded(self, encode: Encode, names: Sequence[str], indices: list[int]) -> Encoded:
        rows, slots = np.array(indices), self.state.slots
        given = {name: np.stack([self._touched[i][name] for i in indices]) for name in names}
        known = np.where(rows < len(slots), rows, 0)  # a new item has no id, as padding
        return encode(self.catalog.take(rows), given, slots[known])

    def _with_other_content(self) -> Int[np.ndarray, " N"]:
        """Return the items that are new, were given features, or differ in a column that is read.

        Values that have changed and changed back, as in a log that a RUN has already, are equal.
        """
        touched = np.sort(np.fromiter(self._touched, np.int64, len(self._touched)))
        before = self.state.catalog
        other = touched > len(before)
        other |= np.array([bool(self._touched[index]) for index in touched.tolist()], dtype=bool)
        rows = touched[touched <= len(before)] - 1
        for name in self._readers if len(rows) else ():
            if name in before.columns:
                one, two = (c.frame[name].gather(rows) for c in (before, self.catalog))
                other[: len(rows)] |= _differ(one, two)
            elif name in self.catalog.columns:
                other[: len(rows)] |= self.catalog.frame[name].gather(rows).is_not_null().to_numpy()
        return touched[other]

    def _parts(self, change: ItemChange) -> list[ItemChange]:
        """Return a change as one of new items and one of known items."""
        known = np.array([item in self.catalog for item in change.rows["item_id"].to_list()])
        on_known: Action = "update" if change.action == "add" else change.action
        both: list[tuple[np.ndarray, Action]] = [(~known, change.action), (known, on_known)]
        return [
            ItemChange(
                action,
                change.rows.filter(pl.Series(which)),
                {name: values[which] for name, values in change.features.items()},
            )
            for which, action in both
            if which.any()
        ]


def _differ(one: pl.Series, two: pl.Series) -> np.ndarray:
    """Return where two columns differ; two missing values don't."""
    if one.dtype.is_nested() or one.dtype != two.dtype:
        pairs = zip(one.to_list(), two.to_list(), strict=True)
        return np.array([first != second for first, second in pairs], dtype=bool)
    return one.ne_missing(two).to_numpy()


def moved(vectors: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Return vectors of items whose content has changed; what they have learned is kept.

    Args:
        vectors: learned vectors, ``(N, D)``.
        before: the vectors of the earlier content, from which they have learned, ``(N, D)``.
        after: the vectors of the new content, ``(N, D)``.

    Example:
        >>> one = torch.ones(1, 2)
        >>> moved(one + 0.5, one, 3 * one)
        tensor([[3.5000, 3.5000]])
    """
    # An item that hasn't learned gets the new vector to the last bit.
    return torch.where(vectors == before, after, vectors + (after - before))
