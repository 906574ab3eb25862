"""Follows a log with a learner, tests it on each event, and publishes versions."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from mmrec.data import Catalog, Role
from mmrec.data.wording import counted
from mmrec.evaluation import Observed
from mmrec.realtime.apply import CatalogEdit, moved
from mmrec.realtime.learning.checkpoint import Checkpoint
from mmrec.realtime.learning.event_trend import PREFIX, EventTrend
from mmrec.realtime.learning.online import OnlineLearner
from mmrec.realtime.learning.running import RunningNDCG
from mmrec.realtime.learning.versions import Version, Versions
from mmrec.realtime.log.compaction import compacted
from mmrec.realtime.log.events import Event, EventLog
from mmrec.realtime.snapshot import fingerprint
from mmrec.realtime.state_updater import StateUpdater
from mmrec.recommender.recommender import Recommender

log = logging.getLogger(__name__)

CONTENT = "content"
"""In a checkpoint: the vectors of the items' content."""

CHECKPOINT = ".checkpoint"
"""Name of the checkpoint's folder, beside the versions."""


class OnlineTrainer:
    """Follows an event log and publishes what it has learned.

    The learner and the frozen model of the RUN rank the events of each micro-batch before it is
    learned (prequential evaluation, Dawid 1984). A checkpoint holds the learner and the offset of
    the last event that it has learned, so a restart neither skips nor repeats an event. Users are
    the random numbers of the log, without names. The examples of a forgotten user are dropped
    before the next update.

    Args:
        recommender: the RUN that learning starts from; it is not changed.
        events: the log to follow.
        versions: where to publish.
        batch_size: events of a micro-batch.
        publish_every: events between two versions.
        window: events over which the running metrics are taken.
        tolerance: a version is published only if its NDCG@10 is at least ``1 - tolerance`` of the
            frozen model's.
        imported: whether to learn imported events too (:meth:`EventLog.import_many`). By default
            they are only the history of later events, since the RUN was trained on them.
        **learner: further arguments of :class:`OnlineLearner`.

    Attributes:
        running: the running metrics, see :meth:`metrics`.
        trend: what is popular as of the last event; None if the RUN has no such term.

    Raises:
        ValueError: the checkpoint beside the versions is damaged, or belongs to another RUN.
    """

    def __init__(
        self,
        recommender: Recommender,
        events: EventLog,
        versions: Versions,
        *,
        batch_size: int = 64,
        publish_every: int = 1000,
        window: int = 2000,
        tolerance: float = 0.05,
        imported: bool = False,
        **learner: Any,
    ) -> None:
        self.recommender, self.events, self.versions = recommender, events, versions
        self.batch_size, self.publish_every = batch_size, publish_every
        self.tolerance, self.imported = tolerance, imported
        self.base = fingerprint(recommender.model, recommender.vectors)
        # Its vectors are those of the content; the learner has those that have learned.
        self.state = recommender.state
        self.learner = OnlineLearner(
            recommender.model,
            recommender.vectors,
            recommender.state.counts,
            max_length=recommender.options.max_length,
            target_types=[self._is_target(name) for name in ("", *recommender.state.event_types)],
            **learner,
        )
        self.updater = StateUpdater(recommender.model.interest, self.base, recommender.state.reader)
        trend = recommender.state.trend
        self.trend = EventTrend(trend) if trend is not None and trend.active else None
        self.changes = 0
        self._published = self._tried = 0
        self.running = RunningNDCG(window)
        self._checkpoint = Checkpoint(versions.folder / CHECKPOINT)
        self._resume()

    @property
    def catalog(self) -> Catalog:
        """The items as they are now."""
        return self.state.catalog

    @property
    def offset(self) -> int:
        """The offset of the last learned event, 0 before the first."""
        return self.learner.offset or 0

    def run_once(self) -> int:
        """Learn the next micro-batch; return its number of events, 0 at the end of the log."""
        if self.offset - self._tried >= self.publish_every:
            self.publish()
        batch = self._next()
        if not batch:
            return 0
        self._follow_items()  # after reading, so that every event's item is known
        self._drop_forgotten()
        known = [event for event in batch if self._is_act(event) and self.catalog.find(event.item)]
        pasts = [self.events.before(event.offset, last=self.learner.max_length) for event in known]
        learned = [
            (event, past)
            for event, past in zip(known, pasts, strict=True)
            if not self._is_repeat(event, past)
        ]
        if learned:
            events, before = map(list, zip(*learned, strict=True))
            observed = self._observed(events, before)
            self._test(observed, torch.tensor([self._counts(event) for event in events]))
            self.learner.update(observed, offset=batch[-1].offset)
        else:
            self.learner.offset = batch[-1].offset
        return len(batch)

    def metrics(self) -> dict[str, float]:
        """Return the running NDCG@10 of the learner (``"online"``) and of the ``"frozen"`` model.

        ``"events"`` is the number of events in the means. See ``RunningNDCG``. Both have what is
        popular and how old items are as of each event, as a server adds it; they lack the terms
        :attr:`left_out`.
        """
        return self.running.means()

    @property
    def left_out(self) -> list[str]:
        """The terms of the RUN that are in no metric, in words."""
        counted = any(one.weight for one in self.recommender.state.neighbours)
        return ["counted affinities"] if counted else []

    def publish(self) -> bool:
        """Write a checkpoint and a version; return whether a version was written.

        No version is written if nothing was learned since the last one, if the learner isn't
        healthy, or if its running NDCG@10 is below the frozen model's by more than the tolerance.
        """
        self._tried = self.offset
        self._drop_forgotten()
        self._write_checkpoint()
        if self.offset <= self._published:
            return False
        now = self.metrics()
        if trouble := self._worse(now) or self.learner.trouble:
            log.warning("offset %d is not published: %s", self.offset, trouble)
            return False
        scorer = self.learner.publish()
        version = Version(
            name=f"{self.offset:012d}",
            base=self.base,
            offset=self.offset,
            changes=self.changes,
            metrics=now,
            weights=dict(scorer.model.state_dict()),
            vectors=scorer.vectors,
            content=self.state.vectors,
            counts=scorer.popularity,
        )
        self.versions.publish(version)
        self._published = self.offset
        return True

    def _worse(self, now: dict[str, float]) -> str | None:
        """Return in what the learner is below the frozen model; None if it is not."""
        if not now["online"] < (1 - self.tolerance) * now["frozen"]:
            return None
        return (
            f"the NDCG@10 of the last {counted(int(now['events']), 'event')}, "
            f"{now['online']:.4f}, is below that without learning, {now['frozen']:.4f}, "
            f"by more than {self.tolerance:.0%}"
        )

    def _next(self) -> list[Event]:
        """Return the next micro-batch, empty at the end of the log."""
        while batch := list(self.events.read(after=self.offset, limit=self.batch_size)):
            # After reading, so that every imported event of the batch is in a span.
            spans = [] if self.imported else self.events.imported
            ends = [next((s[-1] for s in spans if e.offset in s), None) for e in batch]
            if ends[0] is None:
                return [event for event, _ in takewhile(_is_new, zip(batch, ends, strict=True))]
            self._pass_over(ends[0])
        return []

    def _pass_over(self, offset: int) -> None:
        """Go on after an offset without learning what is before it."""
        before, self.learner.offset = self.offset, offset
        # What was published is still all that was learned.
        self._published = offset if self._published == before else self._published
        self._tried = offset if self._tried == before else self._tried

    def _test(self, observed: Observed, counts: Bool[Tensor, " B"]) -> None:
        frozen = self.recommender.state.learned_scorer
        size, bonus = len(self.learner.vectors), None
        tested = self.learner.are_learned(observed.event_type)
        if self.trend is not None:
            bonus = self.trend.bonuses(observed.item, observed.time, counts, tested)
        observed = observed.rows(tested)
        if not len(observed):
            return
        self.running.add("online", self.learner.catalog_scorer, observed, size, bonus)
        self.running.add("frozen", frozen, observed, size, bonus)

    def _counts(self, event: Event) -> bool:
        """Return whether an event counts for what is popular."""
        return self.recommender.options.event_rules.role_of(event.event_type) <= Role.TARGET

    def _is_act(self, event: Event) -> bool:
        """Return whether an event is one of its user: neither shown nor ignored."""
        role = self.recommender.options.event_rules.role_of(event.event_type)
        return role not in (Role.SHOWN, Role.IGNORED)

    def _is_repeat(self, event: Event, past: Sequence[Event]) -> bool:
        """Return whether an event is as its user's event before, and training would leave it out.

        Args:
            event: the event.
            past: the last events of its user before it.
        """
        if not self.recommender.options.event_rules.drop_repeats:
            return False
        reader, find = self.updater.reader, self.catalog.find
        before = next((other for other in reversed(past) if self._is_act(other)), None)
        if before is None or find(before.item) != find(event.item):
            return False
        return reader.kind_of(before.event_type) == reader.kind_of(event.event_type)

    def _observed(self, batch: Sequence[Event], pasts: Sequence[Sequence[Event]]) -> Observed:
        """Return events with the histories of their users before them."""
        return Observed(
            user=torch.tensor([self.events.key_at(event.offset) for event in batch]),
            item=torch.tensor([self.catalog.find(event.item) for event in batch]),
            event_type=torch.tensor(
                [self.updater.reader.number_of(event.event_type) for event in batch]
            ),
            time=torch.tensor([event.time for event in batch], dtype=torch.float64),
            histories=self.updater.histories(
                pasts, self.catalog.find, at=[event.time for event in batch]
            ),
        )

    def _is_target(self, event_type: str) -> bool:
        return self.recommender.options.event_rules.role_of(event_type) == Role.TARGET

    def _follow_items(self, until: int | None = None) -> None:
        """Apply the changes of items, all or up to a number; removed items stay in the table.

        New items get the vectors of their content. The vectors of items with other content move as
        far as those of their content.
        """
        changes = [
            (number, change)
            for number, change in self.events.item_changes(after=self.changes)
            if until is None or number <= until
        ]
        if not changes:
            return
        edit = CatalogEdit(self.state)
        edit.follow(compacted(change for _, change in changes))
        vectors, contributions = edit.encode(self.state.encode)
        rows, known = torch.from_numpy(edit.stale), len(self.state.vectors)
        before, after = self.state.vectors, vectors.to(self.state.vectors)
        self.state = self.state.with_catalog(
            edit.catalog, edit.stale, after, contributions
        ).with_dates(edit.dated)
        old, table = rows < known, self.learner.vectors
        table[rows[old]] = moved(table[rows[old]], before[rows[old]], after[old]).to(table)
        if not bool(old.all()):
            self.learner.add_items(after[~old])
        if self.trend is not None and self.state.trend is not None:
            self.trend.follow(self.state.trend)
        self.changes = changes[-1][0]

    def _drop_forgotten(self) -> None:
        kept = self.learner.reservoir
        users = set(kept.user[: kept.count].tolist())
        for user in users - self.events.known_keys(sorted(users)):
            self.learner.forget(user)

    def _write_checkpoint(self) -> None:
        state = self.learner.state_dict()
        values = {
            "base": self.base,
            "changes": self.changes,
            "learner": state["values"],
            "metrics": self.running.state_dict(),
        }
        trend = {} if self.trend is None else self.trend.tensors()
        self._checkpoint.write(state["tensors"] | {CONTENT: self.state.vectors} | trend, values)

    def _resume(self) -> None:
        found = self._checkpoint.read()
        if found is None:
            return
        tensors, values = found
        if values["base"] != self.base:
            raise ValueError(
                f"{self.versions.folder} was learned from another RUN, {values['base']}; this one "
                f"is {self.base}"
            )
        self._follow_items(
            until=values["changes"]
        )  # so that there are as many items as at the checkpoint
        self.state = replace(self.state, vectors=tensors.pop(CONTENT))
        # Without it the checkpoint is of an earlier mmrec, whose metrics lack the trend.
        trend = {name: tensors.pop(name) for name in [*tensors] if name.startswith(PREFIX)}
        self.learner.load_state_dict({"tensors": tensors, "values": values["learner"]})
        if self.trend is None or trend:
            self.running.load_state_dict(values["metrics"])
        if self.trend is not None and trend:
            self.trend.restore(trend)
        # The process may have been killed between the checkpoint and the version.
        last = self.versions.last_offset(self.base) if self.learner.updates else self.offset
        self._published = self._tried = last


def _is_new(event: tuple[Event, int | None]) -> bool:
    """Whether an event isn't imported; the second value is where the imported ones end."""
    return event[1] is None
