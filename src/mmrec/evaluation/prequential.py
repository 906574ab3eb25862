"""Prequential evaluation: each event of a stream is first tested, then learned."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.data import Histories, Sequences, Split
from mmrec.data.device import OnDevice
from mmrec.data.splits import seen_before, target_users
from mmrec.evaluation.checks import check_split
from mmrec.evaluation.curves import faded, metric_of_ranks, windowed
from mmrec.evaluation.heldout import histories_before
from mmrec.evaluation.history_scorer import HistoryScorer, second_stage
from mmrec.metrics import rank_of_target


@dataclass(frozen=True)
class Observed(OnDevice):
    """Events of a stream, in time order, with the events before each.

    Attributes:
        user: row of the sequences' ``users``, ``(B,)``.
        item: catalogue index, ``(B,)``.
        event_type: event type, 0 = unknown, ``(B,)``.
        time: unix seconds, ``(B,)``.
        histories: the user's last events before each event.
    """

    user: Int[Tensor, " B"]
    item: Int[Tensor, " B"]
    event_type: Int[Tensor, " B"]
    time: Float[Tensor, " B"]
    histories: Histories

    def __len__(self) -> int:
        return len(self.item)

    def rows(self, chosen: Bool[Tensor, " B"]) -> "Observed":
        """Return some of the events, in their order."""
        at = chosen.nonzero().squeeze(1)
        return Observed(
            self.user[at],
            self.item[at],
            self.event_type[at],
            self.time[at],
            self.histories.rows(at),
        )


@runtime_checkable
class Learner(HistoryScorer, Protocol):
    """A scorer that learns from a stream; ``mmrec.evaluation.learners`` holds two."""

    def update(self, events: Observed) -> None:
        """Learn from events whose items have been ranked."""
        ...


@dataclass(frozen=True)
class Prequential:
    """The rank of every event of a stream, in time order.

    Attributes:
        rank: 1 = best; V + 1 where the item was filtered out, ``(N,)``.
        position: position of the event in the sequences, ``(N,)``.
        time: unix seconds, ``(N,)``.
        catalog_size: V.
    """

    rank: Int[Tensor, " N"]
    position: Int[np.ndarray, " N"]
    time: Float[np.ndarray, " N"]
    catalog_size: int

    def values(self, metric: str = "ndcg@10") -> Float[np.ndarray, " N"]:
        """Return a metric of each event: ``ndcg@K``, ``hr@K`` or ``mrr@K``."""
        return metric_of_ranks(self.rank, metric, self.catalog_size)

    def curve(self, metric: str = "ndcg@10", *, window: int = 1000) -> Float[np.ndarray, " N"]:
        """Return, at each event, the mean over the last ``window`` events, or over all so far."""
        return windowed(self.values(metric), window)

    def faded(self, metric: str = "ndcg@10", *, factor: float = 0.999) -> Float[np.ndarray, " N"]:
        """Return, at each event, the mean so far with weights ``factor ** age``."""
        return faded(self.values(metric), factor)


def prequential(
    learner: Learner,
    events: Split | Sequences,
    start: float | str = "test",
    *,
    catalog_size: int | None = None,
    batch_size: int = 64,
    max_length: int = 200,
    filter_seen: bool = True,
) -> Prequential:
    """Test a learner on each event from ``start`` on, then update it with the event.

    Events are sorted by time over all users. Events of the same time keep the order of the
    sequences: by user (in order of first appearance), and within a user as in the log. They are
    processed in micro-batches. All events of a micro-batch are ranked before the learner gets any
    of them, so each is ranked with what was learned from earlier micro-batches.

    The history of an event is all events of its user before it, those of the same micro-batch
    included: a service has the latest events of a user before a model has learned from them. The
    seen filter excludes the items of the same events. Ties count against the learner, and an event
    on a filtered item is a miss, as in :func:`mmrec.evaluation.rank_targets`.

    The catalogue is complete from the beginning: V doesn't grow, and an item is a candidate before
    its first event in the stream.

    Args:
        learner: the learner; it may be fitted to the events before ``start``.
        events: the log. The candidates are those of a split, or with sequences the whole catalogue.
        start: a time, or the part of a split by time whose first event starts the stream.
        catalog_size: V, needed with sequences.
        batch_size: events of a micro-batch.
        max_length: events of a history.
        filter_seen: whether to leave out the items that the user has interacted with.

    Raises:
        ValueError: the split leaks (see :func:`mmrec.evaluation.check_split`), no event is at or
            after ``start``, ``start`` is not a part or the split is not by time, or the scores
            have another shape than ``(B, V + 1)``.

    References:
        Dawid, "Present position and potential developments: the prequential approach" (1984);
        Vinagre, Jorge and Gama, "Evaluation of recommender systems in streaming environments"
        (2014), arXiv 1504.08175.

    Example:
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> from mmrec.evaluation.learners import OnlineMarkov
        >>> log = Interactions(
        ...     {"user_id": ["u"] * 6, "item_id": list("ababab"), "timestamp": range(6)}
        ... )
        >>> events = to_sequences(log, Catalog({"item_id": ["a", "b"]}))
        >>> result = prequential(
        ...     OnlineMarkov(2), events, 1.0, catalog_size=2, batch_size=1, filter_seen=False
        ... )
        >>> result.rank  # each of the transitions a → b and b → a is learned when first observed
        tensor([2, 2, 1, 1, 1])
    """
    split = _as_split(events, catalog_size)
    tested = list(
        follow(
            learner,
            split,
            start,
            batch_size=batch_size,
            max_length=max_length,
            filter_seen=filter_seen,
        )
    )
    return Prequential(
        torch.cat([part.rank for part in tested]),
        np.concatenate([part.position for part in tested]),
        np.concatenate([part.time for part in tested]),
        split.catalog_size,
    )


def follow(
    learner: Learner,
    split: Split,
    start: float | str = "test",
    *,
    batch_size: int = 64,
    max_length: int = 200,
    filter_seen: bool = True,
) -> Iterator[Prequential]:
    """Do :func:`prequential` on a split; yield each micro-batch after the update with it."""
    if batch_size < 1 or max_length < 1:
        raise ValueError(
            f"batch_size and max_length must be 1 or more; got {batch_size} and {max_length}"
        )
    check_split(split)
    stream = in_time_order(split, start)
    blocked = torch.ones(split.catalog_size + 1, dtype=torch.bool)
    blocked[torch.from_numpy(split.candidates)] = False
    for first in range(0, len(stream), batch_size):
        targets = stream[first : first + batch_size]
        observed = _observe(split, targets, max_length)
        exclude = blocked.repeat(len(targets), 1)
        if filter_seen:
            rows, items = seen_before(split, targets)
            exclude[torch.from_numpy(rows), torch.from_numpy(items)] = True
        rank = _test(learner, observed, exclude)
        learner.update(observed)
        time = split.sequences.time[targets].astype(np.float64)
        yield Prequential(rank, targets, time, split.catalog_size)


def in_time_order(split: Split, start: float | str) -> Int[np.ndarray, " N"]:
    """Return the positions of the events from ``start`` on, sorted by time (stable)."""
    time = split.sequences.time
    if isinstance(start, str):
        if split.name != "time":
            raise ValueError(
                f"start must be a time, since the parts of a {split.name!r} split overlap in time; "
                f"got {start!r}"
            )
        start = float(time[split.targets(start)].min())
    order = np.argsort(time, kind="stable")
    stream = order[time[order] >= start]
    if not len(stream):
        raise ValueError(f"start must be at or before the last event; got {start}")
    return stream


def _as_split(events: Split | Sequences, catalog_size: int | None) -> Split:
    if isinstance(events, Split):
        return events
    if catalog_size is None:
        raise ValueError("prequential expects catalog_size with sequences; got None")
    part = np.zeros(len(events.item), dtype=np.int64)
    return Split("stream", events, part, np.arange(1, catalog_size + 1), catalog_size)


def _observe(split: Split, targets: np.ndarray, max_length: int) -> Observed:
    """Return the events at ``targets``, each with its user's ``max_length`` events before it."""
    events = split.sequences
    return Observed(
        user=torch.from_numpy(target_users(split, targets)),
        item=torch.from_numpy(events.item[targets]),
        event_type=torch.from_numpy(events.event_type[targets]),
        time=torch.from_numpy(events.time[targets].astype(np.float64)),
        histories=histories_before(split, targets, max_length),
    )


def _test(learner: Learner, observed: Observed, exclude: Bool[Tensor, "B V1"]) -> Tensor:
    """Return the rank of each event's item; the learner gets the histories alone."""
    scores = learner.scores(observed.histories).float()
    if scores.shape != exclude.shape:
        raise ValueError(
            f"scores must be {tuple(exclude.shape)}, one column an index; got {tuple(scores.shape)}"
        )
    exclude = exclude.to(scores.device)
    rerank = second_stage(learner)
    final = scores if rerank is None else rerank(scores, observed.histories, exclude)
    return rank_of_target(final, observed.item.to(scores.device), exclude).cpu()
