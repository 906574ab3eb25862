"""A batch and its pool of items, each of which is loaded and encoded once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.data.device import OnDevice
from mmrec.data.modalities import Inputs, RawSource, Source
from mmrec.data.sequences import Sequences
from mmrec.sampling import Sampler, takes_targets

NEGATIVES = 8
"""Labeled negatives of a target that are read, the last ones."""

USER_DROPOUT = 0.1
"""Share of windows that are trained without the features of their user."""


@dataclass(frozen=True)
class ItemPool(OnDevice):
    """The unique items of a batch. Slot 0 is padding and never a candidate.

    Attributes:
        items: catalogue index of each slot, 0 for slot 0, ``(P,)``.
        candidates: slots that the loss compares a target with, ``(P,)``.
        log_q: log probability that the slot's item is drawn into a pool, ``(P,)``; 0 is certainty.
        present: for each modality, which slots have it, ``(P,)``.
        content: for each modality, the inputs of the slots that have it, in order; a modality
            that no slot has is left out.
    """

    items: Int[Tensor, " P"]
    candidates: Bool[Tensor, " P"]
    log_q: Float[Tensor, " P"]
    present: dict[str, Bool[Tensor, " P"]]
    content: dict[str, Inputs]

    def __len__(self) -> int:
        return self.items.shape[0]


@dataclass(frozen=True)
class Batch(OnDevice):
    """Windows of events; ``history`` and ``target`` are positions in the pool, 0 = padding.

    With ``users``, the features of a user are the first step of the user's window: an event without
    an item, whose target is the user's first event.

    Attributes:
        history: ``(B, T)``.
        target: the event after each history event, ``(B, T)``.
        gap: seconds since the event before, ``(B, T)``.
        event_type: event type, 0 = unknown, ``(B, T)``.
        since: seconds from each history event to its target, negative = unknown, ``(B, T)``.
        weight: weight of each target in the loss, ``(B, T)``; None if all are 1.
        below: items that should rank below each target, ``(B, T, K)``; None if there are none.
        pool: the items.
        users: the user of each window, in slot ``b + 1``, with index 0 for a window without
            features; None if there are no features.
    """

    history: Int[Tensor, "B T"]
    target: Int[Tensor, "B T"]
    gap: Float[Tensor, "B T"]
    event_type: Int[Tensor, "B T"]
    since: Float[Tensor, "B T"]
    weight: Float[Tensor, "B T"] | None
    below: Int[Tensor, "B T K"] | None
    pool: ItemPool
    users: ItemPool | None = None

    @property
    def mask(self) -> Bool[Tensor, "B T"]:
        """True where there is a history event, or the features of a user."""
        mask = self.history > 0
        if self.users is not None:
            mask[:, 0] |= self.users.items[1:] > 0
        return mask

    def __len__(self) -> int:
        return self.history.shape[0]


def load_pool(
    items: Int[np.ndarray, " N"],
    sources: Mapping[str, Source],
    candidates: Bool[np.ndarray, " N"] | None = None,
    log_q: Float[np.ndarray, " N"] | None = None,
) -> ItemPool:
    """Load the content of ``items`` into a pool; slot ``n + 1`` holds ``items[n]``."""
    slots = np.concatenate([[0], items]).astype(np.int64)
    present = {name: source.present[slots] for name, source in sources.items()}
    content = {
        name: source.load(slots[present[name]])
        for name, source in sources.items()
        if present[name].any()
    }
    mask = np.ones(len(items), dtype=bool) if candidates is None else candidates
    weights = np.zeros(len(items)) if log_q is None else log_q
    return ItemPool(
        items=torch.from_numpy(slots),
        candidates=torch.from_numpy(np.concatenate([[False], mask])),
        log_q=torch.from_numpy(np.concatenate([[0.0], weights]).astype(np.float32)),
        present={name: torch.from_numpy(slots) for name, slots in present.items()},
        content=content,
    )


class Collator:
    """Turns windows of a log into a :class:`Batch`; runs in a data-loader worker.

    Args:
        sequences: the events.
        sources: the content of the catalogue, by modality.
        negatives: draws the candidates. The targets of the batch are candidates too, unless it
            says ``in_batch = False``, see :class:`mmrec.sampling.Sampler`.
        seed: seed of the draws. A batch's draw depends on the seed and its windows alone, so it is
            the same with any number of workers and after a restart.
        users: the features in the table of users that ``sequences.user_rows`` refers to, by
            modality; None if there are none.
    """

    def __init__(
        self,
        sequences: Sequences,
        sources: Mapping[str, Source],
        negatives: Sampler,
        *,
        seed: int = 0,
        users: Mapping[str, Source] | None = None,
    ) -> None:
        self.sequences, self.sources, self.users = sequences, sources, users
        self.negatives, self.seed = negatives, seed
        self._in_batch = takes_targets(negatives)
        # Transformed raw values are large and may differ each time, so they are not kept.
        self._keeps = not any(isinstance(source, RawSource) for source in sources.values())
        self._last: tuple[np.ndarray, ItemPool] | None = None

    def __call__(self, windows: Sequence[Int[np.ndarray, "2"]] | Int[np.ndarray, "B 2"]) -> Batch:
        """Return the batch of ``windows``, which are spans of events."""
        spans = np.asarray(windows)
        rng = np.random.default_rng([self.seed, *spans[:, 0]])
        rows = None if self.users is None else self._user_rows(spans, rng)
        begins = spans[:, :1] if rows is None else spans[:, :1] - (rows > 0)[:, None]
        steps = int((spans[:, 1:] - begins).max()) - 1
        positions = begins + np.arange(steps)
        inside = positions < spans[:, 1:] - 1
        features = positions < spans[:, :1]  # a step before the first event
        mask = inside & ~features
        after = np.where(inside, positions + 1, 0)
        positions = np.where(mask, positions, 0)
        history = np.where(mask, self.sequences.item[positions], 0)
        target = np.where(inside, self.sequences.item[after], 0)
        # The first event of a later window is a target of the window before.
        later = ~np.isin(spans[:, :1], self.sequences.offsets)
        target = np.where(features & later, 0, target)
        weight, below = None, None
        if (labels := self.sequences.labels) is not None:
            weight = np.where(target > 0, labels.weight[after], 0.0)
            target = np.where(weight > 0, target, 0)
            below = np.where(target[..., None] > 0, labels.negatives_of(after, NEGATIVES), 0)
        known = history if below is None else np.append(history, below)
        pool = self._pool(known.ravel(), target.ravel(), rng)
        slot_items = pool.items.numpy()[1:]
        timed, unknown = self.sequences.timed, np.where(features, -1.0, 0.0)
        uniform = weight is None or (weight[target > 0] == 1).all()
        return Batch(
            history=slots_of(history, slot_items),
            target=slots_of(target, slot_items),
            gap=torch.from_numpy(np.where(mask, self.sequences.gap[positions], unknown)).float(),
            event_type=torch.from_numpy(np.where(mask, self.sequences.event_type[positions], 0)),
            since=torch.from_numpy(np.where(mask & timed, self.sequences.gap[after], -1.0)).float(),
            weight=None if uniform else torch.from_numpy(weight).float(),
            below=slots_of(below, slot_items) if below is not None and below.any() else None,
            pool=pool,
            users=None if rows is None or self.users is None else load_pool(rows, self.users),
        )

    def _user_rows(
        self, spans: Int[np.ndarray, "B 2"], rng: np.random.Generator
    ) -> Int[np.ndarray, " B"]:
        """Return the row of the user of each window; 0 for none, and for a few at random."""
        labels = self.sequences.labels
        others = [
            bool(end - start > 1 and (labels is None or labels.weight[start + 1 : end].any()))
            for start, end in spans
        ]  # windows in which something is learned without features, too
        dropped = (rng.random(len(spans)) < USER_DROPOUT) & np.array(others)
        return np.where(dropped, 0, self.sequences.rows_at(spans[:, 0]))

    def _pool(self, history: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> ItemPool:
        drawn = self.negatives.draw(rng)
        candidates = np.union1d(drawn, target[target > 0]) if self._in_batch else drawn
        known = np.concatenate([history, target, candidates])
        items = np.unique(known[known > 0])
        full = self._keeps and len(drawn) == len(items)
        if full and self._last is not None and np.array_equal(self._last[0], items):
            return self._last[1]  # the full catalogue is loaded once
        chosen = np.isin(items, candidates, assume_unique=True)
        log_q = np.where(chosen, self.negatives.log_inclusion(items), 0.0)
        pool = load_pool(items, self.sources, chosen, log_q)
        # Only a pool that is the same each time is worth keeping.
        self._last = (items, pool) if full else None
        return pool


def slots_of(items: np.ndarray, slot_items: np.ndarray) -> Tensor:
    """Return pool positions of catalogue indices; ``slot_items`` ascends and starts at slot 1."""
    return torch.from_numpy(np.where(items > 0, np.searchsorted(slot_items, items) + 1, 0))
