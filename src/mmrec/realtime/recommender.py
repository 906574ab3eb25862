"""A recommender that is alive: every event changes what comes next."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from mmrec.data import Catalog, Histories, ItemId, Table
from mmrec.realtime.explain import Explanation, explain_history, explain_modalities
from mmrec.realtime.images import with_images
from mmrec.realtime.index.exact import ExactIndex
from mmrec.realtime.index.index import ItemIndex
from mmrec.realtime.learning.versions import Version, Versions
from mmrec.realtime.log.events import Event, EventLog
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.log.memory_log import MemoryLog
from mmrec.realtime.sessions import MemorySessions, Session, SessionStore
from mmrec.realtime.snapshot import Snapshot
from mmrec.realtime.snapshot_store import SnapshotStore
from mmrec.recommender.lists import Recommendation, lines
from mmrec.recommender.parts import Build
from mmrec.recommender.popular import popular_and_diverse
from mmrec.recommender.recommender import Recommender
from mmrec.recommender.requests import History, Where, as_rows, check_count

log = logging.getLogger(__name__)

LOCKS = 256
"""Users share locks by the hash of their name: few enough to hold, too many to meet often."""


class RealtimeRecommender:
    """A trained recommender that takes events and new items while it serves.

    An event is written to the log, then it moves its user's interest by one step; the next list
    follows it. A new item can be recommended as soon as it is added, by its content. All methods
    may be called from several threads; nothing that reads waits for something that writes. What
    other processes add is taken over by :meth:`refresh`, :meth:`follow` and :meth:`observe`.

    Args:
        recommender: what was trained; it is not changed.
        log: where events are kept; in memory by default, see :class:`SqliteLog` for a file.
        sessions: where interests are kept between events; in memory by default.
        index: makes an empty item index of a width; exact search by default.

    Raises:
        ValueError: a part is none of these.

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
        self.max_length = recommender.options.max_length
        self._store = SnapshotStore(recommender, self.log, index)
        self._users = [Lock() for _ in range(LOCKS)]

    @classmethod
    def load(
        cls, run: str | Path, *, build: Build | None = None, **parts: Any
    ) -> "RealtimeRecommender":
        """Read a RUN; ``build`` as for :meth:`mmrec.Recommender.load`, ``parts`` as for the class.

        Raises:
            RunError: as for :meth:`mmrec.Recommender.load`.
        """
        return cls(Recommender.load(run, build=build), **parts)

    def save(self, directory: str | Path) -> None:
        """Write a RUN of what is served now: items, and what was learned.

        The log stays where it is. Versions that were learned on from the RUN before don't fit the
        new one, which has another fingerprint.

        Raises:
            FileExistsError: ``directory`` holds something other than a RUN.
            OSError: the RUN can't be written; what was there is as it was.
        """
        self._store.as_recommender().save(directory)

    @property
    def version(self) -> str:
        """Names the model that serves."""
        return self._store.now.version

    @property
    def available(self) -> Tensor:
        """Which catalogue indices can be recommended, ``(V + 1,)``."""
        return self._store.now.available

    @property
    def catalog(self) -> Catalog:
        """The items as they are now, those that were removed included."""
        return self._store.now.catalog

    def observe(
        self,
        user: str,
        item: ItemId,
        event: str = "view",
        time: float | None = None,
        *,
        id: str | None = None,
    ) -> int:
        """Write an event to the log and move its user's interest.

        Args:
            user: who met the item.
            item: which item.
            event: what happened; a type the model has not met counts as unknown.
            time: unix seconds; now by default. An event that is older than the last one of its
                user counts as simultaneous with it.
            id: names the event: the same name twice is one event.

        Returns:
            The offset of the event in the log.

        Raises:
            ValueError: the item is not in the catalogue, or the log can't keep such an event.
            OSError: the log can't be written; nothing has changed.
        """
        if item not in self._store.now.catalog:
            self.refresh()  # another process may have added it
            self._store.now.catalog.indices_of([item])
        offset = self.log.append(user, item, event_type=event, time=time, id=id)
        try:
            with self._lock_of(user):
                self._session(user, self._store.now)
        except OSError as error:  # the event is kept, and nothing may say that it wasn't
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
        """Recommend ``k`` items to a user, or to anybody with a history.

        Args:
            user: whose events the log holds; someone unknown gets popular, diverse items.
            history: item ids, oldest first, in place of a user.
            k: how many.
            exclude_seen: False if an item of the history may be recommended again.
            where: only items that meet this, as for :meth:`mmrec.Recommender.recommend`.

        Returns:
            The best first; fewer than ``k`` only where fewer are allowed.

        Raises:
            ValueError: both or neither of ``user`` and ``history`` are given, an item id is
                unknown, or ``k`` isn't positive.
        """
        check_count(k)
        if (user is None) == (history is None):
            raise ValueError("recommend expects a user or a history; got both or neither")
        now = self._store.now
        if user is not None:
            state, seen = self._state_of(user, now, exclude_seen)
        else:
            state, seen = self._state_of_history(history, now)
        allow = None
        if where is not None:
            allow = torch.from_numpy(now.catalog.where(where)) & now.available
        if state is None:
            return self._popular(now, k, now.available if allow is None else allow)
        return self._search(now, state, k, seen if exclude_seen else None, allow)

    def history(self, user: str, last: int = 100) -> list[Event]:
        """Return a user's last events, oldest first."""
        return self.log.of_user(user, last=last)

    def forget(self, user: str) -> int:
        """Remove a user's events and state; return how many events there were."""
        try:
            return self.log.forget(user)
        finally:  # also where the log's file couldn't be rewritten at once
            with self._lock_of(user):
                self.sessions.delete(self.log.name_of(user))

    def explain(self, user: str, item: ItemId, last: int = 50) -> Explanation:
        """Say which of a user's last events, and which modality, carry the score of an item.

        Of someone without events there is nothing to say: no past items, no modalities, score 0.

        Raises:
            ValueError: the item is unknown.
        """
        now = self._store.now
        index = int(now.catalog.indices_of([item])[0])
        histories = self._histories(user, now, last)
        if histories is None:
            return Explanation(item, 0.0, [], {})
        score, lost = explain_history(now.model, histories, now.vectors, index)
        ids = now.catalog.ids_of(histories.items[0].tolist())
        carried: dict[ItemId, float] = {}
        for past, value in zip(ids, lost.tolist(), strict=True):
            carried[past] = carried.get(past, 0.0) + value
        modalities = explain_modalities(
            now.model,
            now.model.interests(histories, now.vectors),
            now.vectors[index],
            {name: share[index] for name, share in now.modality_contributions.items()},
        )
        ordered = sorted(carried.items(), key=lambda pair: -pair[1])
        return Explanation(item, score, ordered, modalities)

    def add_items(
        self,
        rows: Table,
        *,
        images: Mapping[ItemId, bytes] | None = None,
        features: Mapping[str, np.ndarray] | None = None,
    ) -> list[ItemId]:
        """Add items; they can be recommended at once, by their content.

        Args:
            rows: as for :class:`mmrec.data.Catalog`; the images that they name lie in the
                catalogue's folder.
            images: JPEG, PNG or WebP files by item id, which are put into that folder.
            features: what the frozen encoders would give for these rows, by modality,
                ``(N, D_m)``, where that is known already.

        Returns:
            The ids that were added.

        Raises:
            ValueError: an id is there already, or the rows or features don't fit.
            OSError: an encoder of the run, or its tokenizer, is not at hand.
        """
        frame, files = with_images(rows, images, self.catalog)
        return self._store.change(ItemChange("add", frame, dict(features or {})), files)

    def update_items(
        self,
        rows: Table,
        *,
        images: Mapping[ItemId, bytes] | None = None,
        features: Mapping[str, np.ndarray] | None = None,
    ) -> list[ItemId]:
        """Change the content of items; those that were removed can be recommended again.

        Args:
            rows: ``item_id`` and the columns that change.
            images: as for :meth:`add_items`.
            features: as for :meth:`add_items`.

        Returns:
            The ids that were changed.

        Raises:
            ValueError: an id or a column is unknown.
            OSError: an encoder of the run, or its tokenizer, is not at hand.
        """
        frame, files = with_images(rows, images, self.catalog)
        return self._store.change(ItemChange("update", frame, dict(features or {})), files)

    def remove_items(self, items: Sequence[ItemId]) -> None:
        """Recommend these items no more; histories that hold them keep their meaning.

        Raises:
            ValueError: an id is unknown, or it is one id, no list of them.
        """
        if isinstance(items, str | int):
            raise ValueError(f"remove_items expects a list of item ids; got the one id {items!r}")
        column = self.catalog.frame["item_id"]
        rows = pl.DataFrame({"item_id": pl.Series(list(items), dtype=column.dtype)})
        self._store.change(ItemChange("remove", rows, {}))

    def refresh(self) -> None:
        """Take over the changes of items that other processes have written to the log."""
        self._store.refresh()

    def publish(self, version: Version | None) -> None:
        """Serve what a learner has published, or with None the trained recommender again.

        Readers go over to it between two calls; the interest of a user is folded again from the
        log at the next one.

        Raises:
            ValueError: the version was learned on from another model.
        """
        self._store.publish(version)

    def follow(self, versions: Versions) -> None:
        """Take over what other processes did: changed items, and the version to serve."""
        self._store.follow(versions)

    def _lock_of(self, user: str) -> Lock:
        return self._users[hash(user) % LOCKS]

    def _session(self, user: str, now: Snapshot) -> Session:
        """Return the session after the user's last event, folding what it doesn't know yet."""
        name = self.log.name_of(user)
        kept = self.sessions.get(name)
        if kept is None or kept.version != now.version:
            kept = now.updater.start()
        events = self._after(kept, user)
        if events is None:  # the user was forgotten since
            kept, events = now.updater.start(), self.log.of_user(user)
            self._drop_session(name)
        now, events = self._known(now, events)
        if not events:
            return kept
        session = now.updater(kept, events, now.vectors, now.catalog.find)
        self.sessions.put(name, session)
        if self.sessions.shared and not self.log.key_at(session.offset):
            self._drop_session(name)  # another process forgot the user just now
        return session

    def _after(self, kept: Session, user: str) -> list[Event] | None:
        """Return the events that a session doesn't know; None where the last it knows is gone."""
        if not kept.offset:
            return self.log.of_user(user)
        events = self.log.of_user(user, after=kept.offset - 1)
        return events[1:] if events and events[0].offset == kept.offset else None

    def _known(self, now: Snapshot, events: list[Event]) -> tuple[Snapshot, list[Event]]:
        """Return the events before the first on an item that has yet to be taken over."""
        if all(event.item in now.catalog for event in events):
            return now, events
        if self._store.now.version == now.version:
            now = self._store.now
        if self._store.behind:
            unknown = (n for n, event in enumerate(events) if event.item not in now.catalog)
            events = events[: next(unknown, None)]
        return now, events

    def _drop_session(self, name: str) -> None:
        try:
            self.sessions.delete(name)
        except OSError as error:  # it is never served, since its events are gone
            log.warning("a forgotten user's session stays until it expires: %s", error)

    def _state_of(self, user: str, now: Snapshot, seen: bool) -> tuple[Tensor | None, np.ndarray]:
        with self._lock_of(user):
            session = self._session(user, now)
        if session.events == 0:
            return None, np.empty(0, dtype=np.int64)
        met = self.log.items_of(user) if seen else []
        indices = np.array([now.catalog.find(item) for item in met], dtype=np.int64)
        return now.updater.interest_of(session), indices

    def _state_of_history(self, history: Any, now: Snapshot) -> tuple[Tensor | None, np.ndarray]:
        rows, many = as_rows(history)
        if many:
            raise ValueError("recommend expects one history; got a list of histories")
        indices = now.catalog.indices_of(rows[0])
        if not len(indices):
            return None, indices
        histories = Histories.of_items([indices[-self.max_length :]]).to(now.vectors.device)
        with torch.inference_mode():
            return now.model.interests(histories, now.vectors), np.unique(indices)

    def _histories(self, user: str, now: Snapshot, last: int) -> Histories | None:
        events = [e for e in self.log.of_user(user, last=last) if now.catalog.find(e.item)]
        if not events:
            return None
        return now.updater.histories([events], now.catalog.find)

    def _popular(self, now: Snapshot, k: int, allowed: Tensor) -> list[Recommendation]:
        chosen = popular_and_diverse(now.counts.float(), now.vectors, allowed, k)
        chosen = chosen[now.counts[chosen].argsort(descending=True, stable=True)]
        return lines(now.catalog, chosen, now.counts[chosen], "popularity")

    @torch.inference_mode()
    def _search(
        self, now: Snapshot, state: Tensor, k: int, seen: np.ndarray | None, allow: Tensor | None
    ) -> list[Recommendation]:
        reranker = now.model.reranker
        wanted = k if reranker is None else max(k, now.model.shortlist)
        exclude = None if seen is None else [seen[seen > 0]]
        query = now.model.scorer.index_queries(state)  # type: ignore[operator]
        keys, scores = now.index.search(query, wanted, exclude=exclude, allow=allow)
        # An item that was added since this snapshot may be in the index already.
        found = (keys[0] > 0) & (keys[0] < len(now.vectors))
        keys, scores = keys[0][found], scores[0][found]
        if reranker is not None:
            scores = scores + reranker(state, now.vectors[keys].unsqueeze(0))[0].float()
            order = scores.argsort(descending=True, stable=True)
            keys, scores = keys[order], scores[order]
        return lines(now.catalog, keys[:k], scores[:k], "interest")


def _check_parts(log: object, sessions: object, index: object) -> None:
    """Refuse what is no log, no store or no index before it is needed."""
    for fits, part, wanted in (
        (isinstance(log, EventLog), log, "log must be an EventLog such as SqliteLog(path)"),
        (isinstance(sessions, SessionStore), sessions, "sessions must be a SessionStore"),
        (callable(index), index, "index must make an ItemIndex, as the class HnswIndex does"),
    ):
        if not fits:
            raise ValueError(f"{wanted}; got {type(part).__name__}")
