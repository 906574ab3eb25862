"""The snapshot that is served now, and its replacement."""

import logging
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from threading import Lock

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from mmrec.data import Catalog, ItemId
from mmrec.realtime.apply import Encoded, apply_change, check_change, encoded_by
from mmrec.realtime.images import write_images
from mmrec.realtime.index.index import ItemIndex
from mmrec.realtime.learning.versions import Version, Versions
from mmrec.realtime.log.events import EventLog
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.snapshot import Snapshot
from mmrec.recommender import RecommenderState

log = logging.getLogger(__name__)


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
        self._writing = Lock()
        self.refresh()

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
                self._apply_changes()

    def change(self, change: ItemChange, files: Mapping[Path, bytes] | None = None) -> list[ItemId]:
        """Write a change to the log and apply it; all processes apply all changes in order.

        Returns:
            The ids of the changed items.

        Raises:
            ValueError: the change can't be applied. Nothing is written.
        """
        with self._writing:
            self._apply_changes()
            check_change(self._now, change)
            write_images(files or {})
            encoded = encoded_by(self._now, change, self._encode)
            number = self.events.change_items(change)
            # If another change came between, the vectors may be outdated.
            self._apply_changes({number: encoded} if number == self._changes + 1 else None)
        return change.rows["item_id"].to_list()

    def publish(self, version: Version | None) -> None:
        """Serve a version; None serves the trained recommender.

        Raises:
            ValueError: the version was learned from another model.
        """
        if version is not None and version.base != self._base:
            raise ValueError(
                f"version {version.name} was learned from {version.base}; this is {self._base}"
            )
        with self._writing:
            self._apply_changes()
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
        """Return the vectors of a version; items that it lacks have those of their content."""
        now = self._now
        vectors = now.content.clone()
        known = min(len(vectors), len(version.vectors))
        vectors[:known] = version.vectors[:known]
        for _, change in self.events.item_changes(after=version.changes):
            changed = [now.catalog.find(item) for item in change.rows["item_id"].to_list()]
            vectors[changed] = now.content[changed]  # an unknown item is padding, which stays
        return vectors

    def _apply_changes(self, ready: Mapping[int, Encoded | None] | None = None) -> None:
        """Apply the changes of the log; ``ready`` holds items that are encoded already."""
        known = ready or {}
        for number, change in self.events.item_changes(after=self._changes):
            try:
                if number in known:
                    encoded = known[number]
                else:
                    encoded = encoded_by(self._now, change, self._encode)
                apply_change(self._now, change, encoded, self._replace)
            except ValueError as error:  # of two changes at the same time; all processes skip it
                log.warning("change %d of items is skipped: %s", number, error)
            self._changes = number

    def _replace(self, snapshot: Snapshot) -> None:
        self._now = snapshot

    def _encode(self, rows: Catalog, features: Mapping[str, np.ndarray]) -> Encoded:
        return self._now.state.encode(rows, features)
