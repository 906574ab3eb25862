"""Held-out events with what came before them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from mmrec.data import Histories, Split
from mmrec.data.device import OnDevice
from mmrec.data.splits import by_length, seen_before, target_users
from mmrec.evaluation.rules import check_target_choice


@dataclass(frozen=True)
class HeldOut(OnDevice):
    """Events to predict, with what came before them.

    Attributes:
        target: the item to find, ``(N,)``.
        histories: the user's last events before it, ``(B, T)``.
        seen: rows and items of everything met before, ``(2, S)``.
        position: where in the split the targets are, ``(N,)``.
        row: the history of each target, ascending, ``(N,)``; None where each has its own, N = B.
    """

    target: Int[Tensor, " N"]
    histories: Histories
    seen: Int[Tensor, "2 S"]
    position: Int[np.ndarray, " N"]
    row: Int[np.ndarray, " N"] | None = None


def held_out(
    split: Split,
    part: str,
    *,
    max_length: int,
    batch_size: int = 256,
    at_most: int | None = None,
    targets: str = "per-step",
) -> Iterator[HeldOut]:
    """Yield the events of ``part`` that are targets, with the ``max_length`` events before them.

    Batches hold histories of like length. A first event has an empty history (one padding step).
    With ``at_most``, a draw of so many histories that is the same each time stands for all.

    Args:
        split: labelled events.
        part: ``"train"``, ``"valid"`` or ``"test"``.
        max_length: events of a history.
        batch_size: histories of a batch.
        at_most: how many histories to draw.
        targets: which events, see :class:`mmrec.evaluation.RankingProtocol`. With ``"all"`` an item
            that a user meets twice in the part is one target, where it is met first.
    """
    check_target_choice(targets)
    chosen = split.targets(part)
    stops = _ends(split, chosen, targets)
    if at_most is not None and len(stops) > at_most:
        stops = np.random.default_rng(0).choice(stops, at_most, replace=False)
    for batch in by_length(split, stops, batch_size):
        position, row = (batch, None) if targets != "all" else _all_of(split, chosen, batch)
        yield HeldOut(
            target=torch.from_numpy(split.sequences.item[position]),
            histories=_histories(split, batch, max_length),
            seen=torch.from_numpy(np.stack(seen_before(split, batch))),
            position=position,
            row=row,
        )


def _ends(split: Split, chosen: np.ndarray, targets: str) -> np.ndarray:
    """Where the histories end: at every target, or at the last or first one of each user."""
    if targets == "per-step" or not len(chosen):
        return chosen
    change = np.diff(target_users(split, chosen)) != 0
    ends: np.ndarray = chosen[
        np.append(change, True) if targets == "last" else np.append(True, change)
    ]
    return ends


def _all_of(
    split: Split, chosen: np.ndarray, stops: np.ndarray
) -> tuple[Int[np.ndarray, " N"], Int[np.ndarray, " N"]]:
    """Return where the first meeting with each item from each stop on is, and its row."""
    first = np.searchsorted(chosen, stops)
    last = np.searchsorted(chosen, split.sequences.offsets[target_users(split, stops) + 1])
    sizes = last - first
    row = np.repeat(np.arange(len(stops)), sizes)
    at = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes - first, sizes)
    keys = row * (split.catalog_size + 1) + split.sequences.item[chosen[at]]
    kept = np.sort(np.unique(keys, return_index=True)[1])
    return chosen[at[kept]], row[kept]


def _histories(split: Split, stops: np.ndarray, max_length: int) -> Histories:
    events = split.sequences
    firsts = events.offsets[target_users(split, stops)]
    return Histories.of_events(events, np.maximum(firsts, stops - max_length), stops)
