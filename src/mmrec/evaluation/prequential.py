"""Prequential evaluation: every event of a stream is a test first, and a lesson afterwards."""

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
from mmrec.metrics import rank_of_target


@dataclass(frozen=True)
class Observed(OnDevice):
    """Events that have happened, in time order, with what came before each.

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


@runtime_checkable
class Learner(Protocol):
    """A scorer that goes on learning; see :mod:`mmrec.evaluation.learners` for some."""

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index; higher is better."""
        ...

    def update(self, events: Observed) -> None:
        """Learn from events that have been tested."""
        ...


@dataclass(frozen=True)
class Prequential:
    """The rank of every event of a stream, in time order.

    Attributes:
        rank: 1 = best; V + 1 where the item was filtered out, ``(N,)``.
        position: where in the sequences the event is, ``(N,)``.
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
        """Return, at each event, the mean over the last ``window`` events, or all so far."""
        return windowed(self.values(metric), window)

    def faded(self, metric: str = "ndcg@10", *, factor: float = 0.999) -> Float[np.ndarray, " N"]:
        """Return, at each event, the mean so far that forgets by ``factor`` an event."""
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
    """Test a learner on each event from ``start`` on, then let it learn from it.

    Events come in time order over all users; those of one instant keep the order of the
    sequences: by user (in order of first appearance), and within a user as in the log. They are
    taken in micro-batches. All events of a micro-batch are ranked before the learner gets any of
    them, so it is tested on what it has learned from the micro-batches before.

    The history of an event is everything its user did before it, earlier events of the same
    micro-batch included: a service knows what a user has just done before a model has learned from
    it. The same events are what the seen filter takes out. Ties count against the learner, and an
    event on a filtered item is a miss, as in :func:`mmrec.evaluation.rank_targets`.

    The catalogue is the whole one from the beginning: V doesn't grow, and an item that appears
    first in the stream is a candidate all along, as one that is listed before anybody met it.

    Args:
        learner: has learned from what lies before ``start``, or nothing.
        events: the log. Of a split, its candidates are ranked; of sequences, the catalogue.
        start: an instant, or the part of a split by time at whose first event the stream begins.
        catalog_size: V, for sequences.
        batch_size: events of a micro-batch; with 1 the learner gets each at once.
        max_length: events of a history.
        filter_seen: whether items that the user has met are no candidates.

    Raises:
        ValueError: a history holds the future or a user is there twice (see
            :func:`mmrec.evaluation.check_split`), no event is at or after ``start``, a part is
            named that is none or isn't bounded in time, or the scores are not those of this
            catalogue.

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
        >>> result.rank  # the transitions a → b and b → a are met once before they are known
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
    """Do :func:`prequential` on a split, yielding each micro-batch once it has been learned."""
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
    """Return the positions of the events from ``start`` on, by time; ties as in the sequences."""
    time = split.sequences.time
    if isinstance(start, str):
        if split.name != "time":
            raise ValueError(
                f"start must be an instant, since the parts of a {split.name!r} split overlap in "
                f"time; got {start!r}"
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
        raise ValueError("prequential needs catalog_size with sequences; got None")
    part = np.zeros(len(events.item), dtype=np.int64)
    return Split("stream", events, part, np.arange(1, catalog_size + 1), catalog_size)


def _observe(split: Split, targets: np.ndarray, max_length: int) -> Observed:
    """Return events with the ``max_length`` events of their users before them."""
    events, users = split.sequences, target_users(split, targets)
    starts = np.maximum(events.offsets[users], targets - max_length)
    histories = Histories.of_events(events, starts, targets)
    columns = (users, events.item[targets], events.event_type[targets])
    user, item, event_type = (torch.from_numpy(column) for column in columns)
    time = torch.from_numpy(events.time[targets].astype(np.float64))
    return Observed(user, item, event_type, time, histories)


def _test(learner: Learner, observed: Observed, exclude: Bool[Tensor, "B V1"]) -> Tensor:
    """Return the rank of each event's item. The learner is given the histories, nothing else."""
    scores = learner.scores(observed.histories).float()
    if scores.shape != exclude.shape:
        raise ValueError(
            f"scores must be {tuple(exclude.shape)}, one column an index; got {tuple(scores.shape)}"
        )
    exclude = exclude.to(scores.device)
    rerank = getattr(learner, "rerank", None)
    final = scores if rerank is None else rerank(scores, observed.histories, exclude)
    return rank_of_target(final, observed.item.to(scores.device), exclude).cpu()
