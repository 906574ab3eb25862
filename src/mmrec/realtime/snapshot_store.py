"""The snapshot that is served now, and its replacement."""

import logging
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from threading import Lock

import numpy as np
import polars as pl
import torch.nn.functional as F
from torch import Tensor

from mmrec.data import Catalog, ItemId
from mmrec.data.sent_images import write_images
from mmrec.realtime.apply import CatalogEdit, Encoded, moved
from mmrec.realtime.index.index import ItemIndex
from mmrec.realtime.learning.versions import Version, Versions
from mmrec.realtime.log.compaction import compacted
from mmrec.realtime.log.events import EventLog
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.snapshot import Snapshot, apply_edit
from mmrec.recommender import RecommenderState

log = logging.getLogger(__name__)

COMPACT_EVERY = 2000
"""Changes of items after which the log is compacted; a start replays that many at most."""


class SnapshotStore:
    """Holds the snapshot that is served, and replaces it.

    Readers take :attr:`now` once per call and never wait. Changes of items and of the model are
    made one after the other.

    Args:
        state: the trained recommender.
        events: the log, which also holds the changes of items.
        make_index: returns an empty index for vectors of a width.
    """

    def __init__(
        self, state: RecommenderState, events: EventLog, make_index: Callable[[int], ItemIndex]
    ) -> None:
        self.state, self.events = state, events
        self._make_index = make_index
        self._now = Snapshot.of(state, make_index)
        self._base = self._now.version
        self._changes = 0
        self._times: dict[str, pl.DataFrame] = {}
        self._loose = events.loose_changes
        self._writing = Lock()
        with self._writing:
            self._catch_up()
            self._compact_at_times(0)

    @property
    def now(self) -> Snapshot:
        """The snapshot that is served."""
        return self._now

    @property
    def behind(self) -> bool:
        """Whether the log has changes of items that are not applied here yet."""
        return self.events.last_change > self._changes

    def refresh(self) -> None:
        """Apply the changes of items that other processes have written to the log."""
        if self.behind:
            with self._writing:
                self._catch_up()

    def change(self, change: ItemChange, files: Mapping[Path, bytes] | None = None) -> list[ItemId]:
        """Write a change to the log and apply it; all processes apply all changes in order.

        Returns:
            The ids of the changed items.

        Raises:
            ValueError: the change can't be applied. Nothing is written.
            OSError: an encoder can't be loaded, or the log can't be written.
        """
        with self._writing:
            self._catch_up()
            edit = CatalogEdit(self._now.state, self._times)
            change = edit.apply(change)
            write_images(files or {})
            # What can be refused is done before the log is written: there it would stay.
            after = self._now.with_edit(edit, edit.encode(self._encode))
            number = self.events.change_items(change)
            if number == self._changes + 1:
                apply_edit(self._now, after, edit, self._replace)
                self._changes = number
            else:  # another change came between, so the vectors may be outdated
                self._catch_up()
            self._compact_at_times(1)
        return change.rows["item_id"].to_list()

    def compact(self) -> int:
        """Compact the changes of items in the log; return how many were replaced.

        Raises:
            OSError: the log can't be written; it stays as it was.
        """
        with self._writing:
            return self._compact()

    def publish(self, version: Version | None) -> None:
        """Serve a version; None serves the trained recommender.

        Raises:
            ValueError: the version was learned from another model.
        """
        if version is not None and version.base != self._base:
            raise ValueError(
                f"version {version.name} was learned from the RUN {version.base}; this is the RUN "
                f"{self._base}"
            )
        with self._writing:
            self._catch_up()
            now, made = self._now, self.state
            if version is None:
                model, vectors, counts, name = made.model, now.content, made.counts, self._base
            else:
                model = deepcopy(made.model)
                model.load_state_dict(version.weights)
                vectors, counts = self._vectors_of(version), version.counts
                name = self._name(version.name)
            counts = F.pad(counts, (0, max(0, len(vectors) - len(counts))))[: len(vectors)]
            self._now = now.with_model(model, vectors, counts, name, self._make_index)

    def follow(self, versions: Versions) -> None:
        """Apply the changes of items and the version to serve that other processes have written."""
        self.refresh()
        wanted = versions.current()
        name = self._base if wanted is None else self._name(wanted)
        if name != self._now.version:
            self.publish(None if wanted is None else versions.read(wanted))

    def to_state(self) -> RecommenderState:
        """Return a state that can be saved and served again."""
        return self._now.to_state()

    def _name(self, version: str) -> str:
        return f"{self._base}-{version}"

    def _vectors_of(self, version: Version) -> Tensor:
        """Return the vectors of a version, moved with items that have other content since then."""
        content = self._now.content
        known = min(len(content), len(version.vectors))
        vectors = content.clone()
        vectors[:known] = moved(version.vectors[:known], version.content[:known], content[:known])
        return vectors

    def _catch_up(self) -> None:
        """Apply the changes of the log that are not applied yet, all in one step."""
        if not self.behind:
            return
        last = self.events.last_change
        found = self.events.item_changes(after=self._changes)
        edit = CatalogEdit(self._now.state, self._times)
        edit.follow(compacted(change for _, change in found))
        after = self._now.with_edit(edit, edit.encode(self._encode))
        apply_edit(self._now, after, edit, self._replace)
        # A change that was read may be later than `last`, and the last one may be compacted away.
        self._changes = max([last, *(number for number, _ in found)])

    def _compact_at_times(self, more: int) -> None:
        self._loose += more
        if self._loose < COMPACT_EVERY:
            return
        self._loose = 0
        # Other processes count too: one of them may have done it.
        if self.events.loose_changes >= COMPACT_EVERY // 2:
            try:
                self._compact()
            except OSError as error:
                log.warning("the log of items is compacted later: %s", error)

    def _compact(self) -> int:
        done = self.events.compact_items()
        if self._changes == done.before:  # what is new here is applied already
            self._changes = done.after
        return done.folded

    def _replace(self, snapshot: Snapshot) -> None:
        self._now = snapshot

    def _encode(
        self, rows: Catalog, features: Mapping[str, np.ndarray], slots: np.ndarray
    ) -> Encoded:
        return self._now.state.encode(rows, features, slots)
