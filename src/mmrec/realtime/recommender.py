"""A recommender that takes events and items while it serves."""

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.affinities import LAST, Recent
from mmrec.data import Catalog, GivenId, ItemId, PastEvent, Table
from mmrec.data.sent_images import about_missing_images, with_images
from mmrec.data.times import EARLY
from mmrec.data.wording import counted, verb
from mmrec.realtime.clock import ahead_of_clock, created_ahead
from mmrec.realtime.explain import Explanation, explain_item
from mmrec.realtime.index.exact import ExactIndex
from mmrec.realtime.index.index import ItemIndex
from mmrec.realtime.learning.versions import Version, Versions
from mmrec.realtime.list_rules import ListRules
from mmrec.realtime.log.event_rows import EventRows, read_events
from mmrec.realtime.log.event_types import Given, types_of
from mmrec.realtime.log.event_values import plain_values
from mmrec.realtime.log.events import Event, EventLog, NewEvent
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.log.memory_log import MemoryLog
from mmrec.realtime.log_neighbours import LogNeighbours
from mmrec.realtime.log_trend import LogTrend
from mmrec.realtime.met_items import MetItems
from mmrec.realtime.odd_values import below_zero, early_times
from mmrec.realtime.search import interest_list, popular_list, popularity_of, similar_list
from mmrec.realtime.sessions import MemorySessions, SessionStore
from mmrec.realtime.snapshot import Snapshot
from mmrec.realtime.snapshot_store import SnapshotStore
from mmrec.realtime.state_updater import past_of
from mmrec.realtime.user_sessions import UserSessions
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.content.ranges import out_of_range
from mmrec.recommender.lists import Recommendation
from mmrec.recommender.past import past_of_history
from mmrec.recommender.popular import popular_rule
from mmrec.recommender.quotas import AtMost
from mmrec.recommender.recommender import Recommender
from mmrec.recommender.requests import (
    Count,
    History,
    Seen,
    When,
    Where,
    as_history,
    check_count,
    check_item,
    check_seen,
)
from mmrec.recommender.users import UserFeatures
from mmrec.trends import undated
from mmrec.trends.age import created_column

log = logging.getLogger(__name__)


class CheckedEvents(NamedTuple):
    """Events that :meth:`RealtimeRecommender.read` has checked.

    Attributes:
        events: the events, with the types under which they count.
        given: type and ``values`` of each, as they were sent.
    """

    events: list[NewEvent]
    given: list[Given]


class Noted(NamedTuple):
    """What became of events that were observed.

    Attributes:
        offsets: their places in the log.
        note: how many have types that were not in training, lack the columns that conditions read,
            are later than this machine's clock or before 1980, or have a watch time below 0; None
            if none is.
    """

    offsets: list[int]
    note: str | None


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
        where: a condition on items that holds for every list, beside that of a request, such as
            ``"stock > 0"``; as for :meth:`mmrec.Recommender.recommend`.
        at_most: how many items of any list may have the same value, by column, such as
            ``{"author": 2}``; a request may set lower numbers.

    Attributes:
        snapshots: what is served now, and its changes.
        trend: what is popular now, by the events of the log; None for a model without times.
        neighbours: affinities that are counted, by the events of the log; None for a model without
            them.

    Raises:
        ValueError: a part has the wrong type, or ``where`` or ``at_most`` can't be applied to the
            catalogue.

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
        where: Where | None = None,
        at_most: AtMost | None = None,
    ) -> None:
        self.recommender = recommender
        self._reader = recommender.state.reader
        self._warned_of_clock = False
        self.log = MemoryLog() if log is None else log
        self.sessions = MemorySessions() if sessions is None else sessions
        _check_parts(self.log, self.sessions, index)
        self.snapshots = SnapshotStore(recommender.state, self.log, index)
        self._rules = ListRules(where, at_most)
        self._rules.check(self.snapshots.now)
        self._user_sessions = UserSessions(self.log, self.sessions, self.snapshots)
        self._met = MetItems(self.log)
        trend = recommender.state.trend
        self.trend = None if trend is None else LogTrend(trend, self.log)
        counted = recommender.state.neighbours
        self.neighbours = LogNeighbours(counted, self.log) if counted else None

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

        The log is not part of it, but for what affinities and the trend have counted of it, and
        which items have events of which nothing else is known. Features of forgotten users are left
        out. Versions that were learned from the earlier RUN don't fit the new one, because its
        fingerprint differs.

        Raises:
            FileExistsError: ``directory`` holds something other than a RUN.
            OSError: the RUN can't be written; ``directory`` is unchanged.
        """
        Recommender(self.to_state()).save(directory)

    def to_state(self) -> RecommenderState:
        """Return the state that :meth:`save` writes."""
        now = self.snapshots.now
        state = now.to_state(self._met.unknown(now, whole=True))
        if state.users is not None:
            state = replace(state, users=state.users.without(self._forgotten(state.users)))
        if self.trend is not None:
            state = replace(state, trend=self.trend.trend(now))
        if self.neighbours is not None:
            state = replace(state, neighbours=self.neighbours.counted(now))
        return state

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
        item: GivenId,
        event_type: str = "view",
        time: float | None = None,
        *,
        id: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> int:
        """Write an event to the log and move its user's interest.

        Args:
            user: who interacted with the item.
            item: which item.
            event_type: what happened; a type that was not in training counts as unknown, and a
                warning says so once.
            time: unix seconds; now by default. An event that is older than the last event of its
                user counts as simultaneous with it.
            id: a name for the event; an event that is sent again under its name counts once.
            values: columns of the event that conditions read, such as ``{"rating": 1}``, and no
                others. They are stored, but for those that are arguments here, such as
                ``user_id``, and so is the type that the event has then. A text has at most 1,000
                characters. Without them it counts by its type alone; a warning says so once for
                each type, unless a value is None.

        Returns:
            The offset of the event in the log.

        Raises:
            ValueError: the item is not in the catalogue, no condition reads one of the ``values``,
                or the log can't store such an event.
            OSError: the log can't be written; nothing has changed.
        """
        return self.observe_with_note(user, item, event_type, time, id=id, values=values).offsets[0]

    def observe_with_note(
        self,
        user: str,
        item: GivenId,
        event_type: str = "view",
        time: float | None = None,
        *,
        id: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> Noted:
        """Do what :meth:`observe` does, and say what is odd about the event, too."""
        values = values or {}
        index = self.catalog.find(item)
        if not index:
            self.refresh()  # another process may have added it
            index = int(self.catalog.indices_of([item])[0])
        item = self.catalog.ids_of([index])[0]  # as the catalogue writes it
        kind, kept = self.type_of(event_type, values), plain_values(values)
        offset = self.log.append(user, item, event_type=kind, time=time, id=id, values=kept)
        note = self._note([kind], [(event_type, values)], [None if time is None else float(time)])
        try:
            self._user_sessions.latest(user, self.snapshots.now)
        except OSError as error:  # an error would claim that the event was not stored
            log.warning("event %d moves the interest at the next call: %s", offset, error)
        return Noted([offset], note)

    def type_of(self, event_type: str, values: Mapping[str, Any]) -> str:
        """Return the type under which an event counts, given the columns that conditions read.

        Raises:
            ValueError: no condition reads one of the values, a value can't be compared with its
                condition, there is no type and events of several types were in training, or the
                type is too long with its role.
        """
        kind = self.types_of([(event_type, values)])[0]
        if isinstance(kind, ValueError):
            raise kind
        return kind

    def types_of(self, events: Sequence[Given]) -> list[str | ValueError]:
        """Return for each of many events what :meth:`type_of` returns, or the error."""
        return types_of(events, self._reader)

    @property
    def _trained_since_1980(self) -> bool:
        """Whether earlier times are odd: those of the training may be numbers of another kind."""
        trend = self.recommender.state.trend
        return trend is None or trend.latest >= EARLY

    def _note(
        self, kinds: Sequence[str], given: Sequence[Given], times: Sequence[float | None]
    ) -> str | None:
        """Return what is odd about events, and warn of it the first time; None if nothing is.

        Args:
            kinds: the types under which they count; those that were not in training are odd.
            given: what was sent; events without the columns that conditions read are odd, and so
                are durations below 0.
            times: when they were, unix seconds; those that are later than now, or before 1980, are
                odd.
        """
        ahead = ahead_of_clock(times)
        if ahead is not None and not self._warned_of_clock:
            self._warned_of_clock = True
            log.warning("%s", ahead)
        said = (
            self._reader.warn_of_unknown(kinds),
            self._reader.warn_of_unread(given),
            ahead,
            early_times(times) if self._trained_since_1980 else None,
            below_zero(values for _, values in given),
        )
        return "; ".join(filter(None, said)) or None

    def observe_many(self, rows: EventRows) -> list[int]:
        """Write many events to the log at once; each user's interest moves at the user's next call.

        Args:
            rows: a table or a list of mappings with ``user`` and ``item``, optionally
                ``event_type``, ``time``, ``id`` and ``values``, as for :meth:`observe`. An integer
                user is its text. The names ``user_id``, ``item_id``, ``event`` and ``timestamp`` of
                a training are taken too.

        Returns:
            The offset of each event; an event whose ``id`` is known keeps its offset.

        Raises:
            InvalidEvents: a ``ValueError`` that names all invalid events. Nothing is stored.
            ValueError: the table can't be read, or an id is known with other content.
            OSError: the log can't be written; nothing is stored.

        Example:
            >>> import mmrec
            >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
            >>> options = mmrec.Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
            >>> made = mmrec.Recommender.fit(events, {"item_id": [*"abc"]}, options=options)
            >>> RealtimeRecommender(made).observe_many({"user": ["ann", "bob"], "item": ["a", "b"]})
            [1, 2]
        """
        return self.append(self.read(rows)).offsets

    def read(self, rows: EventRows) -> CheckedEvents:
        """Return checked events with the types under which they count, see :meth:`observe_many`.

        Raises:
            InvalidEvents: a ``ValueError`` that names all invalid events.
            ValueError: the table can't be read.
        """

        def is_known(item: ItemId) -> bool:
            if item not in self.catalog:
                self.refresh()  # another process may have added it
            return item in self.catalog

        given: list[Given] = []

        def types(events: Sequence[Given]) -> list[str | ValueError]:
            given.extend(events)
            return self.types_of(events)

        events = read_events(rows, is_known, types)
        return CheckedEvents([e._replace(values=plain_values(e.values)) for e in events], given)

    def append(self, checked: CheckedEvents) -> Noted:
        """Write events that :meth:`read` has checked to the log; say what is odd about them."""
        offsets = self.log.append_many(checked.events)
        kinds = [event.event_type for event in checked.events]
        times = [None if event.time is None else float(event.time) for event in checked.events]
        return Noted(offsets, self._note(kinds, checked.given, times))

    def recommend(
        self,
        user: str | None = None,
        *,
        history: History | None = None,
        k: Count = 10,
        at: When | None = None,
        exclude_seen: Seen = True,
        exclude: Iterable[ItemId] = (),
        where: Where | None = None,
        at_most: AtMost | None = None,
    ) -> list[Recommendation]:
        """Recommend ``k`` items to a user, or for a history.

        The list for a user equals that for a history of the same events.

        Args:
            user: a user of the log, or of the table of users of the training. A user without
                features gets popular, diverse items until there is an event that is more than a no.
            history: in place of a user, as for :meth:`mmrec.Recommender.recommend`.
            k: length of the list.
            at: time of the request, now by default; as for :meth:`mmrec.Recommender.recommend`.
            exclude_seen: as for :meth:`mmrec.Recommender.recommend`.
            exclude: ids of further items to leave out.
            where: a condition on items, as for :meth:`mmrec.Recommender.recommend`; that of the
                recommender holds as well.
            at_most: how many items of the list may have the same value, by column, as for
                :meth:`mmrec.Recommender.recommend`.

        Returns:
            The best item first; fewer than ``k`` only if fewer are allowed. Items of which nothing
            is known are left out, as by :meth:`mmrec.Recommender.recommend`, until a live event.

        Raises:
            ValueError: both or neither of ``user`` and ``history`` are given, an item id is
                unknown, ``at_most`` names an unknown column or a number below 1, or ``k`` isn't
                positive.
        """
        k = check_count(k)
        if (user is None) == (history is None):
            raise ValueError("recommend expects a user or a history; got both or neither")
        now = self.snapshots.now
        check_seen(exclude_seen, self._reader)
        time = now.state.time_of(at)
        if user is not None:
            interest, recent = self._interest_of_user(user, now, time)
            seen = self._seen_by(user, now, exclude_seen)
        else:
            past = past_of_history(history, now.catalog, self._reader)
            self._reader.warn_of_unknown(event.event_type for event in past)
            interest, recent = _interest_of_history(past, now, time)
            seen = now.updater.reader.seen(past, exclude_seen)
        allowed = self._rules.allowed(now, where, time, self._met.unknown(now))
        quotas = self._rules.quotas(now, at_most)
        more = now.catalog.indices_of(as_history(exclude, "exclude"))
        left_out = np.concatenate([seen, more])
        if interest is None:
            some = now.available if allowed is None else allowed
            some = some.index_fill(0, torch.from_numpy(left_out), False)
            return popular_list(now, k, some, self._share(now, time), quotas)
        return interest_list(
            now,
            interest,
            k,
            exclude=left_out,
            allowed=allowed,
            bonus=self._bonus(now, recent, time),
            quotas=quotas,
        )

    def similar(
        self, item: GivenId, k: Count = 10, *, where: Where | None = None
    ) -> list[Recommendation]:
        """Return the ``k`` items that are most like an item, as :meth:`mmrec.Recommender.similar`.

        Items that were added, and content that was changed, count at once. What holds for every
        list of this recommender holds here too. The item itself may be one that was removed. The
        list of one of which nothing is known is empty, see :meth:`without_content`.

        Args:
            item: the item.
            k: length of the list.
            where: a condition on items, as for :meth:`recommend`.

        Raises:
            ValueError: the item is unknown, ``where`` can't be applied to the items, or ``k`` isn't
                positive.

        Example:
            >>> import mmrec
            >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
            >>> items = {"item_id": [*"abc"], "look": [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]}
            >>> options = mmrec.Options(
            ...     modalities="look=vectors:look", split="leave-one-out", epochs=1, dim=4
            ... )
            >>> live = RealtimeRecommender(mmrec.Recommender.fit(events, items, options=options))
            >>> live.add_items({"item_id": ["d"], "look": [[1.0, 0.0]]})
            ['d']
            >>> [line.item for line in live.similar("b", k=1)]
            ['d']
        """
        k = check_count(k)
        check_item(item)
        now = self.snapshots.now
        index = int(now.catalog.indices_of([item])[0])
        unknown = self._met.unknown(now)
        allowed, quotas = (
            self._rules.allowed(now, where, None, unknown),
            self._rules.quotas(now, None),
        )
        if unknown is not None and unknown[index]:
            return []
        return similar_list(now, index, k, allowed=allowed, quotas=quotas)

    def history(self, user: str, last: int = 100) -> list[Event]:
        """Return a user's last events, oldest first."""
        return self.log.of_user(user, last=last)

    def forget(self, user: str) -> int:
        """Remove a user's events and state; return how many events there were.

        Features of the user are not used any more. They stay in the RUN until :meth:`save` writes
        one without them. What is popular, and which items the same users take, is counted without
        names: the user's events are in these counts until this process ends. Users who were merged
        into this one are forgotten, too. Events that were merged into another user stay that
        user's.
        """
        try:
            return self._user_sessions.forget(user)
        finally:  # also if the file of the log couldn't be rewritten at once
            for counts in (self.trend, self.neighbours):
                if counts is not None:
                    counts.forget(self.log.name_of(user))

    def merge_users(self, source: str, target: str) -> int:
        """Make a user's events those of another, as when a visitor logs in; return how many.

        The events keep their places in the log, so they lie between those of ``target`` in the
        order in which they came. Other processes on the log follow at the user's next call, and a
        learner drops the examples of both from its memory. ``source`` has no events afterwards; new
        events under this name are those of a new user. Called again, it moves the events since
        then. A visitor who logs out needs a new id, since ``source`` can't be merged into a second
        user. What is popular, and which items the same users take, stays as it was counted until
        this process ends.

        Args:
            source: the user whose events are moved, such as a visitor without an account.
            target: the user who gets them; a new one, too.

        Raises:
            ValueError: the users are the same, one is not a text of 1 to 256 characters, or
                ``source`` was merged into another user before.
            OSError: the log can't be written; nothing has changed.

        Example:
            >>> import mmrec
            >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
            >>> options = mmrec.Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
            >>> made = mmrec.Recommender.fit(events, {"item_id": [*"abc"]}, options=options)
            >>> live = RealtimeRecommender(made)
            >>> _ = live.observe("ann", "a"), live.observe("visitor", "b"), live.observe("ann", "c")
            >>> live.merge_users("visitor", "ann")
            1
            >>> [event.item for event in live.history("ann")], live.history("visitor")
            (['a', 'b', 'c'], [])
        """
        moved = self._user_sessions.merge(source, target)
        for counts in (self.trend, self.neighbours):
            if counts is not None:
                counts.forget(self.log.name_of(source))
        return moved

    def explain(
        self, user: str, item: ItemId, last: int = 50, *, at: When | None = None
    ) -> Explanation:
        """Return which of a user's last events, and which modality, raise the score of an item.

        The score is that of :meth:`recommend`, and ``terms`` are its parts. A user without
        features, and without events but those that say no, gets popular items: then ``rule`` says
        which, the score is the popularity that the list shows, and there are no parts.

        Args:
            user: a user of the log, or of the table of users of the training.
            item: the item to explain.
            last: number of the user's last events that are left out one by one.
            at: time of the request, now by default; as for :meth:`recommend`.

        Raises:
            ValueError: the item is unknown.
        """
        now = self.snapshots.now
        index, time = int(now.catalog.indices_of([item])[0]), now.state.time_of(at)
        interest, recent = self._interest_of_user(user, now, time)
        if interest is None:
            score = float(popularity_of(now, self._share(now, time))[index])
            return Explanation(item, score, [], {}, {}, popular_rule(now.state))
        terms = {name: float(row[index]) for name, row in self._terms(now, recent, time).items()}
        events = [e for e in self.log.of_user(user, last=last) if now.catalog.find(e.item)]
        histories = now.updater.histories([events], now.catalog.find, at=[time])
        features = self._user_sessions.has_features(user, now)
        if features and now.state.users is not None:
            histories = replace(histories, users=torch.tensor([now.state.users.find(user)]))
        return explain_item(now, histories, index, interest, terms)

    def _share(self, now: Snapshot, time: float | None) -> Float[Tensor, " V1"] | None:
        """Return the share of each item in what happens now; None without a trend."""
        return None if self.trend is None else self.trend.popularity(now, _or_nan(time))

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
            images: JPEG, PNG, WebP or GIF files by item id, which are written to that folder.
            features: outputs of the frozen encoders for these rows, by modality, ``(N, D_m)``, if
                they were computed before.

        Returns:
            The ids that were added.

        Raises:
            ValueError: an id is in the catalogue already, the catalogue lacks a column, or the rows
                or features don't fit. Nothing is written.
            OSError: an encoder of the RUN, or its tokenizer, can't be loaded.
        """
        frame, files = with_images(self._typed(rows), images, self.catalog)
        return self.snapshots.change(ItemChange("add", frame, dict(features or {})), files)

    def warm_up(self) -> None:
        """Load what encodes items, so that the first addition of a process doesn't wait for it.

        Encoders stay in memory from then on. Other calls don't wait, but for additions and changes
        of content. Nothing is loaded if no modality reads columns of items. If there are items of
        which nothing is known, all of the log is read for events on them; lists read a piece each.

        Raises:
            ValueError: an encoder is not the one of the training, or it is unknown how items are
                read.
            OSError: an encoder of the RUN, or its tokenizer, can't be loaded.

        Example:
            >>> import mmrec
            >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
            >>> items = {"item_id": [*"abc"], "kind": ["lamp", "lamp", "chair"]}
            >>> options = mmrec.Options(
            ...     modalities=("id", "category:kind"), split="leave-one-out", epochs=1, dim=4
            ... )
            >>> live = RealtimeRecommender(mmrec.Recommender.fit(events, items, options=options))
            >>> live.warm_up()
        """
        now = self.snapshots.now
        self._met.unknown(now, whole=True)
        added = [
            now.modality_contributions[name]
            for name, fitted in now.state.modalities.items()
            if fitted.modality.has_content and name in now.modality_contributions
        ]
        first = {int((table != 0).any(dim=1).int().argmax()) for table in added} - {0}
        if first and now.state.columns_read:
            now.state.encode(now.catalog.take(np.array(sorted(first))))

    def without_content(self, items: Sequence[GivenId]) -> str | None:
        """Return a sentence about what items lack that the model reads; None if they lack nothing.

        It is about modalities, about ``created_at`` if the model has a trend, about a
        ``created_at`` that is later than now, the ``where`` of this recommender, and values that
        can't be, such as a price below 0. Ids are passed over, since new items have none.

        Raises:
            ValueError: an id is unknown.

        Example:
            >>> import mmrec
            >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
            >>> items = {"item_id": [*"abc"], "kind": ["lamp", "lamp", "chair"]}
            >>> options = mmrec.Options(
            ...     modalities=("id", "category:kind"), split="leave-one-out", epochs=1, dim=4
            ... )
            >>> live = RealtimeRecommender(mmrec.Recommender.fit(events, items, options=options))
            >>> live.without_content(live.add_items({"item_id": ["d", "e"], "kind": ["lamp", ""]}))
            '1 of 2 items has no category:kind; 1 of 2 items has nothing that the model reads: ...'
        """
        now = self.snapshots.now
        state = now.state
        indices = torch.from_numpy(state.catalog.indices_of(items))
        said = []
        for name, fitted in state.modalities.items():
            added = state.modality_contributions.get(name)
            if added is None or not fitted.modality.has_content:
                continue
            lacking = int((added[indices] == 0).all(dim=1).sum())  # nothing is what is not there
            if lacking:
                of = f"{lacking:,} of {counted(len(indices), 'item')}"
                said.append(f"{of} {verb(lacking, 'has', 'have')} no {name}")
        unknown = self._met.unknown(now)
        if unknown is not None and (lacking := int(unknown[indices].sum())):
            of = f"{lacking:,} of {counted(len(indices), 'item')} {verb(lacking, 'has', 'have')}"
            no_list = f"no list has {verb(lacking, 'it', 'them')} before an event or content"
            said.append(f"{of} nothing that the model reads: {no_list}")
        said.append(about_missing_images(self.catalog, items) or "")
        rows = state.catalog.frame[(indices - 1).tolist()]
        if state.trend is not None and (lacking := int(undated(rows).sum())):
            of = f"{lacking:,} of {counted(len(rows), 'item')} {verb(lacking, 'has', 'have')} no "
            age = f"{verb(lacking, 'its', 'their')} age counts from when "
            then = f"{verb(lacking, 'it was', 'they were')} added"
            column = created_column(rows.columns)
            empty = f"for conditions such as age({column}) < 2d it is empty"
            said.append(f"{of}{column}: {age}{then}; {empty}")
        said.append(created_ahead(rows) or "")
        said.append(self._rules.unsatisfied(now, indices.numpy()) or "")
        said += [sentence for _, sentence in out_of_range(rows).values()]
        return "; ".join(filter(None, said)) or None

    def update_items(
        self,
        rows: Table,
        *,
        images: Mapping[ItemId, bytes] | None = None,
        features: Mapping[str, np.ndarray] | None = None,
    ) -> list[ItemId]:
        """Change columns of items.

        A column that no modality reads, such as a price or a stock, changes no score, but for
        ``created_at``: the age in scores follows it. Other content is encoded again; the item keeps
        its id and what it has learned. An image that changes needs another file name. Removed items
        stay removed, see :meth:`restore_items`.

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
        frame, files = with_images(self._typed(rows), images, self.catalog)
        return self.snapshots.change(ItemChange("update", frame, dict(features or {})), files)

    def _typed(self, rows: Table) -> pl.DataFrame:
        """Return rows with the types of the catalogue, before anything of them is stored."""
        now = self.snapshots.now
        return now.catalog.typed(rows, strict=True, more=now.state.columns_read)

    def remove_items(self, items: Sequence[GivenId]) -> None:
        """Stop recommending items, until :meth:`restore_items`: they are sold out, for example.

        They stay in the histories of users, and events on them are observed and learned from.

        Raises:
            ValueError: an id is unknown, or ``items`` is a single id.
        """
        self._make_available("remove", items)

    def restore_items(self, items: Sequence[GivenId]) -> None:
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
        ids = [self.catalog.written(item) for item in items]
        rows = pl.DataFrame({"item_id": pl.Series(ids, dtype=column.dtype)})
        self.snapshots.change(ItemChange(action, rows, {}))

    def _forgotten(self, users: UserFeatures) -> list[ItemId]:
        ids = [] if users.catalog is None else users.catalog.ids
        return [user for user in ids if self.log.was_forgotten(str(user))]

    def _interest_of_user(
        self, user: str, now: Snapshot, time: float | None
    ) -> tuple[Tensor | None, Recent]:
        """Return a user's interest, None if no event says more than a no, and the last events."""
        session = self._user_sessions.latest(user, now)
        if not session.positive and not self._user_sessions.has_features(user, now):
            return None, session.recent
        since = -1.0 if time is None or not session.events else max(time - session.time, 0.0)
        return now.at_request(now.updater.interest_of(session), since), session.recent

    def _seen_by(self, user: str, now: Snapshot, exclude_seen: Seen) -> np.ndarray:
        past = past_of(self.log.of_user(user), now.catalog.find)
        return now.updater.reader.seen(past, exclude_seen)

    def _bonus(self, now: Snapshot, recent: Recent, time: float | None) -> Tensor | None:
        """Return what is added to the score of every item beside the product; None for nothing."""
        counted = None if self.neighbours is None else self.neighbours.bonus(now, recent)
        if self.trend is None or not self.trend.active:
            return counted
        popular = self.trend.bonus(now, _or_nan(time))
        return popular if counted is None else counted + popular

    def _terms(self, now: Snapshot, recent: Recent, time: float | None) -> dict[str, Any]:
        """Return the parts of the bonus by name."""
        terms: dict[str, Any] = {}
        if self.neighbours is not None:
            terms |= self.neighbours.terms(now, recent)
        if self.trend is not None and self.trend.active:
            terms["trend"] = self.trend.bonus(now, _or_nan(time))
        return terms


def _interest_of_history(
    past: Sequence[PastEvent], now: Snapshot, time: float | None
) -> tuple[Tensor | None, Recent]:
    """Return the interest after a history, None if no event says more than a no, and the last."""
    reader = now.updater.reader
    histories = reader.histories([past], [time])
    if not histories.have_others(reader.negative_types).any():
        return None, ()
    with torch.inference_mode():
        interest = now.model.interests(histories.to(now.vectors.device), now.vectors)
    last = histories.tail(LAST)
    types = last.event_type[0].tolist()
    return interest, [pair for pair in zip(last.items[0].tolist(), types, strict=True) if pair[0]]


def _or_nan(time: float | None) -> float:
    return math.nan if time is None else time


def _check_parts(log: object, sessions: object, index: object) -> None:
    """Refuse a part of the wrong type before it is used."""
    for fits, part, wanted in (
        (isinstance(log, EventLog), log, "log must be an EventLog such as SqliteLog(path)"),
        (isinstance(sessions, SessionStore), sessions, "sessions must be a SessionStore"),
        (callable(index), index, "index must make an ItemIndex, as the class HnswIndex does"),
    ):
        if not fits:
            raise ValueError(f"{wanted}; got {type(part).__name__}")
