"""A learner that follows a log: it tests itself on each event, learns it, and publishes."""

import json
import logging
import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmrec.data import Catalog, Histories
from mmrec.data.durable import atomic_folder, whole_folder
from mmrec.data.tables import read_json
from mmrec.evaluation import Observed
from mmrec.metrics import rank_of_target
from mmrec.realtime.learning.online import OnlineLearner
from mmrec.realtime.learning.versions import Version, Versions
from mmrec.realtime.log.events import Event, EventLog
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.snapshot import fingerprint
from mmrec.realtime.state_updater import StateUpdater
from mmrec.recommender.recommender import Recommender

log = logging.getLogger(__name__)

CHECKPOINT = ".checkpoint"
"""Beside the versions: where learning goes on after a restart."""


class OnlineTrainer:
    """Follows an event log and publishes what it has learned.

    Each micro-batch is ranked by the learner and by the frozen model of the RUN before it is
    learned (prequential evaluation, Dawid 1984). A checkpoint holds the learner and the offset of
    the last event that it has learned, written together: a restart neither skips nor repeats an
    event. Users are known to it by the log's random numbers alone, and an example whose user was
    forgotten is dropped before the next update.

    Args:
        recommender: the RUN to learn on from; it is not changed.
        events: the log to follow, read by this process for itself.
        versions: where to publish.
        batch_size: events of a micro-batch.
        publish_every: events between two versions.
        window: events over which the running metrics are taken.
        tolerance: share of the frozen model's NDCG@10 that a version may lack and still be
            published.
        **learner: further arguments of :class:`OnlineLearner`.

    Raises:
        ValueError: the checkpoint beside the versions is of another RUN or damaged.
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
        **learner: Any,
    ) -> None:
        self.recommender, self.events, self.versions = recommender, events, versions
        self.batch_size, self.publish_every = batch_size, publish_every
        self.tolerance = tolerance
        self.base = fingerprint(recommender.model, recommender.vectors)
        self.catalog: Catalog = recommender.catalog.copy()
        self.learner = OnlineLearner(
            recommender.model,
            recommender.vectors,
            recommender.state.counts,
            max_length=recommender.options.max_length,
            **learner,
        )
        self.updater = StateUpdater(
            recommender.model.interest,
            self.base,
            event_types=recommender.state.event_types,
            drop_repeats=recommender.options.drop_repeats,
        )
        self.changes = 0
        self._published = self._tried = 0
        self._metrics = {name: deque[float](maxlen=window) for name in ("online", "frozen")}
        self._resume()

    @property
    def offset(self) -> int:
        """The last event that was learned, 0 before the first."""
        return self.learner.offset or 0

    def run_once(self) -> int:
        """Learn the next micro-batch; return how many events it had, 0 at the end of the log."""
        if self.offset - self._tried >= self.publish_every:
            self.publish()
        batch = list(self.events.read(after=self.offset, limit=self.batch_size))
        if not batch:
            return 0
        self._follow_items()  # after reading, so that no event is ahead of its item
        self._drop_forgotten()
        known = [event for event in batch if self.catalog.find(event.item)]
        if known:
            observed = self._observed(known)
            self._test(observed)
            self.learner.update(observed, offset=batch[-1].offset)
        else:
            self.learner.offset = batch[-1].offset
        return len(batch)

    def metrics(self) -> dict[str, float]:
        """Return the running NDCG@10 of the learner and of the frozen model, and how many events.

        Each event was ranked before it was learned: whole catalogue, seen items filtered.
        """
        return {
            name: float(np.mean(values)) if values else math.nan
            for name, values in self._metrics.items()
        } | {"events": float(len(self._metrics["online"]))}

    def publish(self) -> bool:
        """Write a checkpoint, and a version where it is due; return whether there is one.

        A version is held back where nothing was learned since the last one, where the learner isn't
        healthy, or where it ranked the last events worse than the frozen model did, by more than
        the tolerance.
        """
        self._tried = self.offset
        self._drop_forgotten()
        self._checkpoint()
        if self.offset <= self._published:
            return False
        now = self.metrics()
        worse = now["online"] < (1 - self.tolerance) * now["frozen"]
        if worse or not self.learner.healthy:
            log.warning("offset %d is not published: %s", self.offset, json.dumps(now))
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
            counts=scorer.popularity,
        )
        self.versions.publish(version)
        self._published = self.offset
        return True

    def _test(self, observed: Observed) -> None:
        frozen = self.recommender.catalog_scorer
        for name, scorer in (("online", self.learner.catalog_scorer), ("frozen", frozen)):
            scores = scorer.scores(_known_to(observed.histories, len(scorer.vectors)))
            missing = len(self.learner.vectors) - scores.shape[1]
            scores = torch.nn.functional.pad(scores, (0, missing), value=-torch.inf)
            exclude = torch.zeros_like(scores, dtype=torch.bool)
            exclude[:, 0] = True
            exclude.scatter_(1, observed.histories.items, observed.histories.mask)
            rank = rank_of_target(scores, observed.item, exclude)
            gain = torch.where(rank <= 10, 1 / torch.log2(rank.double() + 1), 0.0)
            self._metrics[name].extend(gain.tolist())

    def _observed(self, batch: Sequence[Event]) -> Observed:
        """Return events with what their users did before them."""
        pasts = [self.events.before(event.offset, last=self.learner.max_length) for event in batch]
        return Observed(
            user=torch.tensor([self.events.key_at(event.offset) for event in batch]),
            item=torch.tensor([self.catalog.find(event.item) for event in batch]),
            event_type=torch.tensor(
                [self.updater.event_type_id(event.event_type) for event in batch]
            ),
            time=torch.tensor([event.time for event in batch], dtype=torch.float64),
            histories=self.updater.histories(pasts, self.catalog.find),
        )

    def _follow_items(self, until: int | None = None) -> None:
        """Take over changes of items, all or up to one; a removed item keeps its place."""
        for number, change in self.events.item_changes(after=self.changes):
            if until is not None and number > until:
                break
            if change.action != "remove":
                try:
                    self._change(change)
                except ValueError as error:  # as every server does
                    log.warning("change %d of items is passed over: %s", number, error)
            self.changes = number

    def _change(self, change: ItemChange) -> None:
        """Give new items a vector, and changed ones that of their new content."""
        known = np.array([item in self.catalog for item in change.rows["item_id"].to_list()])
        if not known.all():
            rows = change.rows.filter(pl.Series(~known))
            vectors = self._encode(rows, change, ~known)
            self.catalog.append(rows)
            self.learner.add_items(vectors)
        if known.any():
            indices = self.catalog.update(change.rows.filter(pl.Series(known)))
            rows = self.catalog.frame[(indices - 1).tolist()]
            table = self.learner.vectors
            table[torch.from_numpy(indices)] = self._encode(rows, change, known).to(table)

    def _encode(self, rows: pl.DataFrame, change: ItemChange, which: np.ndarray) -> Tensor:
        made = self.recommender
        features = {name: values[which] for name, values in change.features.items()}
        new = Catalog(rows, self.catalog.images)
        return made.state.encode(new, features)[0]

    def _drop_forgotten(self) -> None:
        kept = self.learner.reservoir
        users = set(kept.user[: kept.count].tolist())
        for user in users - self.events.known_keys(sorted(users)):
            self.learner.forget(user)

    def _checkpoint(self) -> None:
        state = self.learner.state_dict()
        values = {
            "base": self.base,
            "changes": self.changes,
            "learner": state["values"],
            "metrics": {name: list(kept) for name, kept in self._metrics.items()},
        }
        with atomic_folder(self.versions.folder / CHECKPOINT, replace=True) as fresh:
            save_file({n: t.contiguous() for n, t in state["tensors"].items()}, fresh / "state")
            (fresh / "state.json").write_text(json.dumps(values), encoding="utf-8")

    def _resume(self) -> None:
        folder = whole_folder(self.versions.folder / CHECKPOINT)
        if not folder.exists():
            return
        values = read_json(folder / "state.json")
        if values["base"] != self.base:
            raise ValueError(
                f"{self.versions.folder} was learned on from another RUN, {values['base']}; this "
                f"one is {self.base}"
            )
        self._follow_items(until=values["changes"])  # as many items as at the checkpoint
        state = {"tensors": load_file(folder / "state"), "values": values["learner"]}
        self.learner.load_state_dict(state)
        for name, kept in values["metrics"].items():
            self._metrics[name].extend(kept)
        # A kill may have come between the checkpoint and the version.
        self._published = self._tried = self.versions.last_offset(self.base)


def _known_to(histories: Histories, size: int) -> Histories:
    """Return histories in which items that a model doesn't have are padding."""
    unknown = histories.items >= size
    if not unknown.any():
        return histories
    order = unknown.long().argsort(dim=1, stable=True)
    return histories.map(lambda part: part.masked_fill(unknown, 0).gather(1, order))
