"""A recommender that takes events and items while it serves."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from torch import Tensor

from mmrec.data import Catalog, Histories, ItemId, Table
from mmrec.realtime.explain import Explanation, explain_item
from mmrec.realtime.images import with_images
from mmrec.realtime.index.exact import ExactIndex
from mmrec.realtime.index.index import ItemIndex
from mmrec.realtime.learning.versions import Version, Versions
from mmrec.realtime.log.events import Event, EventLog
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.log.memory_log import MemoryLog
from mmrec.realtime.search import interest_list, popular_list
from mmrec.realtime.sessions import MemorySessions, SessionStore
from mmrec.realtime.snapshot import Snapshot
from mmrec.realtime.snapshot_store import SnapshotStore
from mmrec.realtime.user_sessions import UserSessions
from mmrec.recommender.lists import Recommendation
from mmrec.recommender.recommender import Recommender
from mmrec.recommender.requests import History, Where, as_history, check_count

log = logging.getLogger(__name__)


class RealtimeRecommender:
    """A trained recommender that takes events and new items while it serves.

    An event is written to the log, then it moves its user's interest by one step, and the next list
    follows from it. A new item can be recommended as soon as it is added, by its content. All
    methods may be called from several threads, and reads never wait for writes. Changes by other
    processes are taken over in :meth:`refresh`, :meth:`follow` and :meth:`observe`.

    Args:
        recommender: what was trained; it is not changed.
        log: the log of events; a :class:`MemoryLog` by default, see :class:`SqliteLog` for a file.
        sessions: the store of interests; :class:`MemorySessions` by default.
        index: makes an empty item index of a given width; :class:`ExactIndex` by default.

    Attributes:
        snapshots: what is served now, and its changes.

    Raises:
        ValueError: a part has the wrong type.

    Example:
        >>> import mmrec
        >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
        >>> items = {"item_id": [*"abc"], "title": ["A lamp", "A chair", "A desk"]}
        >>> options = mmrec.Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
        >>> live = RealtimeRecommender(mmrec.Recommender.fit(events, items, options=options))
        >>> live.observe("ann", "a")
        1
        >>> sorted(line.item for line in live.recommend("ann"))
        ['b', 'c']
    """

    def __init__(
        self,
        recommender: Recommender,
        *,
        log: EventLog | None = None,
        sessions: SessionStore | None = None,
        index: Callable[[int], ItemIndex] = ExactIndex,
    ) -> None:
        self.recommender = recommender
        self.log = MemoryLog() if log is None else log
        self.sessions = MemorySessions() if sessions is None else sessions
        _check_parts(self.log, self.sessions, index)
        self.snapshots = SnapshotStore(recommender.state, self.log, index)
        self._user_sessions = UserSessions(self.log, self.sessions, self.snapshots)

    @classmethod
    def load(
        cls,
        run: str | Path,
        *,
        parts: Sequence[Any] = (),
        images: str | Path | None = None,
        **more: Any,
    ) -> "RealtimeRecommender":
        """Read a RUN.

        Args:
            run: its folder.
            parts: as for :meth:`mmrec.Recommender.load`.
            images: as for :meth:`mmrec.Recommender.load`.
            **more: arguments of the class.

        Raises:
            RunError: as for :meth:`mmrec.Recommender.load`.
        """
        return cls(Recommender.load(run, parts=parts, images=images), **more)

    def save(self, directory: str | Path) -> None:
        """Write a RUN of what is served now: the items, and what was learned.

        The log is not part of it. Versions that were learned from the earlier RUN don't fit the new
        one, because its fingerprint differs.

        Raises:
            FileExistsError: ``directory`` holds something other than a RUN.
            OSError: the RUN can't be written; ``directory`` is unchanged.
        """
        Recommender(self.snapshots.to_state()).save(directory)

    @property
    def version(self) -> str:
        """The name of the model that serves."""
        return self.snapshots.now.version

    @property
    def available(self) -> Tensor:
        """Which catalogue indices can be recommended, ``(V + 1,)``."""
        return self.snapshots.now.available

    @property
    def catalog(self) -> Catalog:
        """The items as they are now, including removed ones."""
        return self.snapshots.now.catalog

    def observe(
        self,
        user: str,
        item: ItemId,
        event_type: str = "view",
        time: float | None = None,
        *,
        id: str | None = None,
    ) -> int:
        """Write an event to the log and move its user's interest.

        Args:
            user: who interacted with the item.
            item: which item.
            event_type: what happened; a type that was not in training counts as unknown.
            time: unix seconds; now by default. An event that is older than the last event of its
                user counts as simultaneous with it.
            id: a name for the event; an event that is sent again under its name counts once.

        Returns:
            The offset of the event in the log.

        Raises:
            ValueError: the item is not in the catalogue, or the log can't store such an event.
            OSError: the log can't be written; nothing has changed.
        """
        if item not in self.catalog:
            self.refresh()  # another process may have added it
            self.catalog.indices_of([item])
        offset = self.log.append(user, item, event_type=event_type, time=time, id=id)
        try:
            self._user_sessions.latest(user, self.snapshots.now)
        except OSError as error:  # an error would claim that the event was not stored
            log.warning("event %d moves the interest at the next call: %s", offset, error)
        return offset

    def recommend(
        self,
        user: str | None = None,
        *,
        history: History | None = None,
        k: int = 10,
        exclude_seen: bool = True,
        where: Where | None = None,
    ) -> list[Recommendation]:
        """Recommend ``k`` items to a user, or for a history.

        Args:
            user: a user of the log; a user without events gets popular, diverse items.
            history: item ids, oldest first, in place of a user.
            k: length of the list.
            exclude_seen: False if an item of the history may be recommended again.
            where: a condition on items, as for :meth:`mmrec.Recommender.recommend`.

        Returns:
            The best item first; fewer than ``k`` only if fewer are allowed.

        Raises:
            ValueError: both or neither of ``user`` and ``history`` are given, an item id is
                unknown, or ``k`` isn't positive.
        """
        check_count(k)
        if (user is None) == (history is None):
            raise ValueError("recommend expects a user or a history; got both or neither")
        now = self.snapshots.now
        if user is not None:
            interest, seen = self._interest_of_user(user, now, exclude_seen)
        else:
            interest, seen = self._interest_of_history(history, now)
        allowed = None
        if where is not None:
            allowed = torch.from_numpy(now.catalog.where(where)) & now.available
        if interest is None:
            return popular_list(now, k, now.available if allowed is None else allowed)
        exclude = seen if exclude_seen else None
        return interest_list(now, interest, k, exclude=exclude, allowed=allowed)

    def history(self, user: str, last: int = 100) -> list[Event]:
        """Return a user's last events, oldest first."""
        return self.log.of_user(user, last=last)

    def forget(self, user: str) -> int:
        """Remove a user's events and state; return how many events there were."""
        return self._user_sessions.forget(user)

    def explain(self, user: str, item: ItemId, last: int = 50) -> Explanation:
        """Return which of a user's last events, and which modality, raise the score of an item.

        For a user without events the explanation is empty and the score is 0.

        Raises:
            ValueError: the item is unknown.
        """
        now = self.snapshots.now
        index = int(now.catalog.indices_of([item])[0])
        events = [e for e in self.log.of_user(user, last=last) if now.catalog.find(e.item)]
        if not events:
            return Explanation(item, 0.0, [], {})
        return explain_item(now, now.updater.histories([events], now.catalog.find), index)

    def add_items(
        self,
        rows: Table,
        *,
        images: Mapping[ItemId, bytes] | None = None,
        features: Mapping[str, np.ndarray] | None = None,
    ) -> list[ItemId]:
        """Add items; they can be recommended at once, by their content.

        Args:
            rows: as for :class:`mmrec.data.Catalog`; the images that they name are in the
                catalogue's folder.
            images: JPEG, PNG or WebP files by item id, which are written to that folder.
            features: outputs of the frozen encoders for these rows, by modality, ``(N, D_m)``, if
                they were computed before.

        Returns:
            The ids that were added.

        Raises:
            ValueError: an id is in the catalogue already, or the rows or features don't fit.
            OSError: an encoder of the RUN, or its tokenizer, can't be loaded.
        """
        frame, files = with_images(self.catalog.typed(rows), images, self.catalog)
        return self.snapshots.change(ItemChange("add", frame, dict(features or {})), files)

    def update_items(
        self,
        rows: Table,
        *,
        images: Mapping[ItemId, bytes] | None = None,
        features: Mapping[str, np.ndarray] | None = None,
    ) -> list[ItemId]:
        """Change columns of items.

        A column that no modality reads, such as a price or a stock, changes no score. Other content
        is encoded again; the item keeps its id and what it has learned. An image that changes needs
        another file name. Removed items stay removed, see :meth:`restore_items`.

        Args:
            rows: ``item_id`` and the columns that change.
            images: as for :meth:`add_items`.
            features: as for :meth:`add_items`.

        Returns:
            The ids that were changed.

        Raises:
            ValueError: an id or a column is unknown, or a value doesn't fit the type of its column.
            OSError: an encoder of the RUN, or its tokenizer, can't be loaded.
        """
        frame, files = with_images(self.catalog.typed(rows), images, self.catalog)
        return self.snapshots.change(ItemChange("update", frame, dict(features or {})), files)

    def remove_items(self, items: Sequence[ItemId]) -> None:
        """Stop recommending items, until :meth:`restore_items`: they are sold out, for example.

        They stay in the histories of users, and events on them are observed and learned from.

        Raises:
            ValueError: an id is unknown, or ``items`` is a single id.
        """
        self._make_available("remove", items)

    def restore_items(self, items: Sequence[ItemId]) -> None:
        """Recommend items again that were removed; the others stay as they are.

        Raises:
            ValueError: an id is unknown, or ``items`` is a single id.

        Example:
            >>> import mmrec
            >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
            >>> options = mmrec.Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
            >>> made = mmrec.Recommender.fit(events, {"item_id": [*"abc"]}, options=options)
            >>> live = RealtimeRecommender(made)
            >>> live.remove_items(["b"])
            >>> before = [line.item for line in live.recommend(history=["a"])]
            >>> live.restore_items(["b"])
            >>> before, sorted(line.item for line in live.recommend(history=["a"]))
            (['c'], ['b', 'c'])
        """
        self._make_available("restore", items)

    def compact(self) -> int:
        """Replace the changes of items in the log by fewer ones with the same result.

        Of each column of an item only the last value is kept. Other processes may use the log
        meanwhile. It happens by itself after 2,000 changes; see `mmrec compact` for a command.

        Returns:
            How many changes were replaced.

        Raises:
            OSError: the log can't be written; it stays as it was.
        """
        return self.snapshots.compact()

    def refresh(self) -> None:
        """Take over the changes of items that other processes have written to the log."""
        self.snapshots.refresh()

    def publish(self, version: Version | None) -> None:
        """Serve a version that a learner has published; None serves the trained recommender again.

        Calls that run finish with the model before. The interest of a user is recomputed from the
        log at the user's next call.

        Raises:
            ValueError: the version was learned from another model.
        """
        self.snapshots.publish(version)

    def follow(self, versions: Versions) -> None:
        """Take over changed items, and the version that is to be served, from other processes."""
        self.snapshots.follow(versions)

    def _make_available(self, action: Literal["remove", "restore"], items: Any) -> None:
        if isinstance(items, str | int):
            raise ValueError(f"{action}_items expects a list of item ids; got the one id {items!r}")
        column = self.catalog.frame["item_id"]
        rows = pl.DataFrame({"item_id": pl.Series(list(items), dtype=column.dtype)})
        self.snapshots.change(ItemChange(action, rows, {}))

    def _interest_of_user(
        self, user: str, now: Snapshot, seen: bool
    ) -> tuple[Tensor | None, np.ndarray]:
        """Return a user's interest, None without events, and the seen items if they are wanted."""
        session = self._user_sessions.latest(user, now)
        if session.events == 0:
            return None, np.empty(0, dtype=np.int64)
        items = self.log.items_of(user) if seen else []
        indices = np.array([now.catalog.find(item) for item in items], dtype=np.int64)
        return now.updater.interest_of(session), indices

    def _interest_of_history(self, history: Any, now: Snapshot) -> tuple[Tensor | None, np.ndarray]:
        """Return the interest after a history, None if it is empty, and its items."""
        indices = now.catalog.indices_of(as_history(history))
        if not len(indices):
            return None, indices
        last = indices[-self.recommender.options.max_length :]
        histories = Histories.of_items([last]).to(now.vectors.device)
        with torch.inference_mode():
            return now.model.interests(histories, now.vectors), np.unique(indices)


def _check_parts(log: object, sessions: object, index: object) -> None:
    """Refuse a part of the wrong type before it is used."""
    for fits, part, wanted in (
        (isinstance(log, EventLog), log, "log must be an EventLog such as SqliteLog(path)"),
        (isinstance(sessions, SessionStore), sessions, "sessions must be a SessionStore"),
        (callable(index), index, "index must make an ItemIndex, as the class HnswIndex does"),
    ):
        if not fits:
            raise ValueError(f"{wanted}; got {type(part).__name__}")
