"""Applying a change of the catalogue: the next snapshot."""

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
import torch
from torch import Tensor

from mmrec.data import Catalog
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.snapshot import Snapshot, index_vectors

Encoded = tuple[Tensor, dict[str, Tensor]]
"""Vectors of items, ``(N, D)``, and the contributions of their modalities."""

Encode = Callable[[Catalog, Mapping[str, np.ndarray]], Encoded]


def check_change(now: Snapshot, change: ItemChange) -> None:
    """Refuse a change that can't be applied to a snapshot.

    Raises:
        ValueError: an id to add is in the catalogue already, an id to change or remove isn't, or a
            column is unknown or has another type.
    """
    catalog = now.catalog.copy()
    if change.action == "add":
        catalog.append(change.rows)
    elif change.action == "update":
        catalog.update(change.rows)
    else:
        catalog.indices_of(change.rows["item_id"].to_list())


def encoded_by(now: Snapshot, change: ItemChange, encode: Encode) -> Encoded | None:
    """Return the encoded items of a change; None if it only removes items."""
    if change.action == "remove":
        return None
    catalog = now.catalog.copy()
    rows = Catalog(change.rows, catalog.images)
    if change.action == "update":  # columns that a row leaves out stay the same
        indices = catalog.update(rows.frame)
        rows = Catalog(catalog.frame[(indices - 1).tolist()], catalog.images)
    return encode(rows, change.features)


def apply_change(
    now: Snapshot,
    change: ItemChange,
    encoded: Encoded | None,
    publish: Callable[[Snapshot], None],
) -> None:
    """Publish the snapshot after a change, and update its index.

    If two processes have added an item at the same time, the second addition updates it.
    """
    if change.action == "remove" or encoded is None:
        _remove(now, change, publish)
        return
    known = np.array([item in now.catalog for item in change.rows["item_id"].to_list()])
    vectors, contributions = encoded
    if not known.all():
        new = torch.from_numpy(np.flatnonzero(~known))
        part = {name: share[new] for name, share in contributions.items()}
        now = _add(now, change.rows.filter(pl.Series(~known)), vectors[new], part, publish)
    if known.any():
        old = torch.from_numpy(np.flatnonzero(known))
        part = {name: share[old] for name, share in contributions.items()}
        _update(now, change.rows.filter(pl.Series(known)), vectors[old], part, publish)


def _add(
    now: Snapshot,
    rows: pl.DataFrame,
    vectors: Tensor,
    contributions: dict[str, Tensor],
    publish: Callable[[Snapshot], None],
) -> Snapshot:
    after = now.with_items(rows, vectors, contributions)
    keys = torch.arange(len(now.vectors), len(after.vectors))
    # The snapshot first: a reader must never find an item that it can't look up.
    publish(after)
    after.index.add(keys, index_vectors(after.model, vectors))
    return after


def _update(
    now: Snapshot,
    rows: pl.DataFrame,
    vectors: Tensor,
    contributions: dict[str, Tensor],
    publish: Callable[[Snapshot], None],
) -> None:
    catalog = now.catalog.copy()
    indices = catalog.update(rows)
    publish(now.with_changes(catalog, indices, vectors, contributions))
    keys, there = torch.from_numpy(indices), now.available[torch.from_numpy(indices)]
    found = index_vectors(now.model, vectors)
    now.index.update(keys[there], found[there])
    now.index.add(keys[~there], found[~there])


def _remove(now: Snapshot, change: ItemChange, publish: Callable[[Snapshot], None]) -> None:
    indices = np.unique(now.catalog.indices_of(change.rows["item_id"].to_list()))
    here = indices[now.available[torch.from_numpy(indices)].numpy()]
    now.index.remove(torch.from_numpy(here))
    publish(now.without_items(here))
