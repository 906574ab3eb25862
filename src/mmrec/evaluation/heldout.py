"""Held-out events with the events before them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from mmrec.data import Histories, Split
from mmrec.data.device import OnDevice
from mmrec.data.splits import by_length, seen_before, target_users
from mmrec.evaluation.protocol import check_target_choice


@dataclass(frozen=True)
class HeldOut(OnDevice):
    """Events to predict, with the events before them.

    Attributes:
        target: the item to predict, ``(N,)``.
        histories: the user's last events before it, ``(B, T)``.
        seen: rows of ``histories`` and the items of all events before the target, ``(2, S)``.
        position: position of each target in the split, ``(N,)``.
        row: the row of ``histories`` that each target belongs to, ascending, ``(N,)``; None where
            each target has its own, so that N = B.
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
    among: Int[np.ndarray, " C"] | None = None,
    new_to_user: bool = False,
) -> Iterator[HeldOut]:
    """Yield the events of ``part`` that are targets, with the ``max_length`` events before them.

    The histories of a batch have similar lengths. The history of a user's first event is empty (one
    padding step). With ``at_most``, only so many histories are used, the same ones in every call.

    Args:
        split: labelled events.
        part: ``"train"``, ``"valid"`` or ``"test"``.
        max_length: events of a history.
        batch_size: histories in a batch.
        at_most: how many histories to draw; None for all.
        targets: which events, see :class:`mmrec.evaluation.RankingProtocol`. With ``"all"`` an item
            that a user interacts with several times in the part is one target, at the first event.
        among: the items whose events stay targets; None for all.
        new_to_user: whether only events on items that their user has not met stay targets; then
            all items that the user has met count as seen.

    Raises:
        ValueError: ``among`` or ``new_to_user`` is given for targets that share a history.
    """
    check_target_choice(targets)
    if (among is not None or new_to_user) and targets == "all":
        name = "among" if among is not None else "new_to_user"
        raise ValueError(f"{name} expects targets 'per-step' or 'last', each with its own history")
    chosen = split.targets(part)
    stops = ends_of(split, chosen, targets)
    if among is not None:
        stops = stops[np.isin(split.sequences.item[stops], among)]
    if new_to_user:
        stops = stops[~split.are_met(stops)]
    if at_most is not None and len(stops) > at_most:
        stops = np.random.default_rng(0).choice(stops, at_most, replace=False)
    for batch in by_length(split, stops, batch_size):
        position, row = (batch, None) if targets != "all" else _all_of(split, chosen, batch)
        yield HeldOut(
            target=torch.from_numpy(split.sequences.item[position]),
            histories=histories_before(split, batch, max_length),
            seen=torch.from_numpy(np.stack(seen_before(split, batch, context=new_to_user))),
            position=position,
            row=row,
        )


def ends_of(split: Split, chosen: np.ndarray, targets: str) -> np.ndarray:
    """Return the targets at which histories end: all, or the last or first of each user."""
    if targets == "per-step" or not len(chosen):
        return chosen
    change = np.diff(target_users(split, chosen)) != 0
    at_end = np.append(change, True) if targets == "last" else np.append(True, change)
    ends: np.ndarray = chosen[at_end]
    return ends


def _all_of(
    split: Split, chosen: np.ndarray, stops: np.ndarray
) -> tuple[Int[np.ndarray, " N"], Int[np.ndarray, " N"]]:
    """Return the first event on each item from each stop on, and its row."""
    first = np.searchsorted(chosen, stops)
    last = np.searchsorted(chosen, split.sequences.offsets[target_users(split, stops) + 1])
    sizes = last - first
    row = np.repeat(np.arange(len(stops)), sizes)
    at = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes - first, sizes)
    keys = row * (split.catalog_size + 1) + split.sequences.item[chosen[at]]
    kept = np.sort(np.unique(keys, return_index=True)[1])
    return chosen[at[kept]], row[kept]


def histories_before(split: Split, stops: Int[np.ndarray, " B"], max_length: int) -> Histories:
    """Return the last ``max_length`` events of the same user before each of ``stops``."""
    events = split.sequences
    firsts = events.offsets[target_users(split, stops)]
    return Histories.of_events(events, np.maximum(firsts, stops - max_length), stops)
