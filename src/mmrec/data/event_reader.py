"""Turns events of users into what a model reads; no other code does."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Int

from mmrec.data.event_rules import EventRules, Role
from mmrec.data.histories import Histories
from mmrec.data.wording import counted, did_you_mean, verb

log = logging.getLogger(__name__)

MOST = 10_000
"""Event types that a reader remembers, at most: they come from clients."""

_CONDITIONAL = {role.name.lower() for role in Role}
"""Types that conditions give to events without a type."""


class PastEvent(NamedTuple):
    """An event of a user, as it was sent.

    Attributes:
        item: catalogue index; 0 for an item that is not in the catalogue.
        event_type: what happened; None if that is unknown.
        time: unix seconds; None if unknown.
    """

    item: int
    event_type: str | None = None
    time: float | None = None


@dataclass(frozen=True)
class EventReader:
    """Decides which events a model reads, and as what.

    Training, evaluation, lists for a history, batches and a live recommender follow the same rules.
    An event is left out if its item is not in the catalogue, if it is ignored or only shown, or if
    it repeats the item and type of the event before. A negative event of a type that the model has
    not been trained on is left out too, since the model would take it for interest. An event that
    is older than the one before it counts as simultaneous with it.

    Args:
        rules: what events mean.
        event_types: event types of the model; type ``k`` is ``event_types[k - 1]``.

    Example:
        >>> reader = EventReader(EventRules(), ("cart", "view"))
        >>> past = [PastEvent(7, "view", 5.0), PastEvent(7, "view", 6.0), PastEvent(7, "cart", 9.0)]
        >>> histories = reader.histories([past], at=[10.0])
        >>> histories.items, histories.event_type, histories.since
        (tensor([[7, 7]]), tensor([[2, 1]]), tensor([1.]))
    """

    rules: EventRules = field(default_factory=EventRules)
    event_types: tuple[str, ...] = ()

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {name: number for number, name in enumerate(self.event_types, 1)}

    @cached_property
    def negative_types(self) -> tuple[int, ...]:
        """The numbers of the event types that say no.

        Example:
            >>> EventReader(EventRules(), ("hide", "view", "watch:negative")).negative_types
            (1, 3)
        """
        role_of, numbered = self.rules.role_of, enumerate(self.event_types, 1)
        return tuple(number for number, name in numbered if role_of(name) == Role.NEGATIVE)

    @cached_property
    def untyped(self) -> bool:
        """Whether the events of the training had no types but those that conditions give."""
        return set(self.event_types) <= _CONDITIONAL

    def kind_of(self, event_type: str) -> str | int:
        """Return what tells event types apart: the type, or its number where training had none.

        Example:
            >>> [EventReader(EventRules(), types).kind_of("cart") for types in (("view",), ())]
            ['cart', 0]
        """
        return self.number_of(event_type) if self.untyped else event_type

    @cached_property
    def _left_out(self) -> dict[str, bool]:
        return {}

    def number_of(self, event_type: str | None) -> int:
        """Return the number of an event type, 0 if it was not in training.

        ``"watch:negative"`` is ``"negative"`` where events had no types but those of conditions.
        """
        if event_type is None:
            return 0
        known = self._numbers.get(event_type)
        return self._numbers.get(event_type.rpartition(":")[2], 0) if known is None else known

    def unknown(self, event_types: Iterable[str | None]) -> Counter[str]:
        """Return how many of some event types were not in training, by type.

        A type with a role by its name, such as ``"hide"``, is known. So is every type to a model
        that was trained on events without types.

        Example:
            >>> reader = EventReader(EventRules(), ("cart", "view"))
            >>> dict(reader.unknown(["view", "crat", "hide", None]))
            {'crat': 1}
        """
        if self.untyped:
            return Counter()
        given = Counter(kind for kind in event_types if kind is not None)
        for kind in list(given):
            if not self._is_unknown(kind):
                del given[kind]
        return given

    def _is_unknown(self, event_type: str) -> bool:
        left_out = self._is_left_out(event_type)
        return not (self.untyped or self.number_of(event_type) or left_out)

    def warn_of_unknown(self, event_types: Iterable[str | None]) -> str | None:
        """Return a sentence about event types that were not in training; None if there are none.

        It is a warning, too, the first time that a type occurs.
        """
        found = self.unknown(event_types)
        said = unknown_types(found, self.event_types)
        if len(self._warned) < MOST and (new := found.keys() - self._warned):
            log.warning("%s", said)
            self._warned.update(new)
        return said

    def warn_of_unread(self, events: Iterable[tuple[str, Collection[str]]]) -> str | None:
        """Return what is odd about events without columns that rules read; None if nothing is.

        Types of which no condition made another in training are passed over. It is a warning, too,
        the first time that such an event has a type.

        Args:
            events: the type of each event, and the names of its columns.

        Example:
            >>> reader = EventReader(EventRules(targets=("rating >= 4",)), ("review:target",))
            >>> print(reader.warn_of_unread([("review", []), ("review", ["rating"])]))
            1 event has none of the columns that rules of events read, ['rating'], first of type
            'review', and counts by its type alone, as context
        """
        without, partly, lacking = Counter[str](), Counter[str](), set[str]()
        for kind, columns in events:
            if not (missing := self.rules.lacking(kind, columns, self._roles_made(kind))):
                continue
            if self.rules.columns.isdisjoint(columns):
                without[kind] += 1
            else:
                partly[kind] += 1
                lacking |= missing
        said = "; ".join(
            [*self._said_without(without), *self._said_partly(partly, sorted(lacking))]
        )
        found = {*without, *partly}
        if len(self._warned_unread) < MOST and found - self._warned_unread:
            log.warning("%s", said)
            self._warned_unread.update(found)
        return said or None

    def _said_without(self, found: Counter[str]) -> list[str]:
        """Return a sentence about events that have none of the columns, if there are some."""
        if not found:
            return []
        total, first = sum(found.values()), next(iter(found))
        role = self.rules.role_of(first)
        return [
            f"{counted(total, 'event')} {verb(total, 'has', 'have')} none of the columns that "
            f"rules of events read, {sorted(self.rules.columns)}, first of type {first[:100]!r}, "
            f"and {verb(total, 'counts by its', 'count by their')} type alone, as "
            f"{'targets' if role == Role.TARGET else role.name.lower()}"
        ]

    @staticmethod
    def _said_partly(found: Counter[str], lacking: Sequence[str]) -> list[str]:
        """Return a sentence about events that have some of the columns, if there are some."""
        if not found:
            return []
        total, first = sum(found.values()), next(iter(found))
        return [
            f"{counted(total, 'event')} {verb(total, 'lacks', 'lack')} the columns {lacking} that "
            f"rules of events read, first of type {first[:100]!r}, and "
            f"{verb(total, 'counts', 'count')} as if these rules did not fit"
        ]

    @cached_property
    def _warned(self) -> set[str]:
        return set()

    def typed(self, event_type: str | None) -> str:
        """Return the type of an event with columns that rules read; the only one if it isn't given.

        Raises:
            ValueError: it isn't given, and events of several types were in training.

        Example:
            >>> reader = EventReader(EventRules(), ("watch:negative", "watch:target"))
            >>> reader.typed(None), reader.typed("look")
            ('watch', 'look')
        """
        if event_type or self.untyped:
            return event_type or ""
        plain = self.plain_types
        if len(plain) > 1:
            raise ValueError(
                "an event with columns that rules read must have a type, one of "
                f"{sorted(plain)[:20]}, since events of these types were in training; got none"
            )
        return next(iter(plain))

    def _roles_made(self, event_type: str) -> list[Role]:
        """Return the roles that conditions may give to a type, see ``review:negative``.

        What is shown or ignored has no type in training, so these roles are passed over only if
        conditions made no other type of this one.
        """
        if set(self.event_types) <= _CONDITIONAL:
            return list(Role)
        made = [role for role in Role if f"{event_type}:{role.name.lower()}" in self.event_types]
        return [*made, Role.SHOWN, Role.IGNORED] if made else []

    @cached_property
    def _warned_unread(self) -> set[str]:
        return set()

    def counts(self, event: PastEvent, item_before: int, type_before: int) -> bool:
        """Return whether an event is read, after one on an item and with a type number.

        Args:
            event: the event.
            item_before: catalogue index of the user's last event that was read, 0 for none.
            type_before: number of its event type.
        """
        if event.item == 0 or self._is_left_out(event.event_type):
            return False
        number = self.number_of(event.event_type)
        repeated = event.item == item_before and number == type_before
        return not (repeated and self.rules.drop_repeats)

    def read(self, past: Iterable[PastEvent]) -> list[PastEvent]:
        """Return the events that are read."""
        kept: list[PastEvent] = []
        item, number = 0, 0
        for event in past:
            if self.counts(event, item, number):
                item, number = event.item, self.number_of(event.event_type)
                kept.append(event)
        return kept

    def histories(
        self, pasts: Sequence[Sequence[PastEvent]], at: Sequence[float | None]
    ) -> Histories:
        """Return the histories of users for a model, and the times of the requests after them.

        Args:
            pasts: the events of each user, oldest first.
            at: the time of each request; None if it is unknown.
        """
        rows = [self.read(past) for past in pasts]
        shape = (len(rows), max([1, *map(len, rows)]))
        items, types = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        gap, since = np.full(shape, -1.0), np.full(len(rows), -1.0)
        asked = np.array([np.nan if time is None else time for time in at], dtype=np.float64)
        for row, kept in enumerate(rows):
            steps = slice(0, len(kept))
            items[row, steps] = [event.item for event in kept]
            types[row, steps] = [self.number_of(event.event_type) for event in kept]
            times = np.array([np.nan if e.time is None else e.time for e in kept], np.float64)
            if kept and not np.isnan(times).any():
                times = np.maximum.accumulate(times)
                gap[row, steps] = np.diff(times, prepend=times[0])
                if not np.isnan(asked[row]):
                    since[row] = max(asked[row] - times[-1], 0.0)
        return Histories(
            items=torch.from_numpy(items),
            gap=torch.from_numpy(gap).float(),
            event_type=torch.from_numpy(types),
            at=torch.from_numpy(asked),
            since=torch.from_numpy(since).float(),
        )

    def seen(
        self, past: Iterable[PastEvent], which: bool | Collection[str] = True
    ) -> Int[np.ndarray, " S"]:
        """Return the items of events after which an item is not recommended again, ascending.

        What the user said no to is always among them, unless a later event on it is a target.

        Args:
            past: the events of a user, oldest first.
            which: True for the rule of :meth:`mmrec.data.EventRules.is_seen`, False for no further
                item, or the event types that count, each in all its roles: ``"play"`` stands for
                ``"play:target"`` too. An event without a type, or of one that was not in training,
                counts unless this is False.

        Example:
            >>> reader = EventReader(EventRules(), ("hide", "like", "view"))
            >>> past = [PastEvent(1, "view"), PastEvent(2, "like"), PastEvent(3, "hide")]
            >>> [reader.seen(past, which).tolist() for which in (True, ["like"], False)]
            [[1, 2, 3], [2, 3], [3]]
        """
        events = [event for event in past if event.item]
        found = set() if which is True else self._refused(events)
        if which is not False:
            types = which if which is True else frozenset(which)
            found |= {event.item for event in events if self._is_seen(event.event_type, types)}
        return np.array(sorted(found), dtype=np.int64)

    def _is_seen(self, event_type: str | None, which: Literal[True] | Set[str]) -> bool:
        if event_type is None or self._is_unknown(event_type):
            return True
        if which is True:
            return self.rules.is_seen(event_type)
        return not which.isdisjoint(self._names_of(event_type))

    def _refused(self, events: Iterable[PastEvent]) -> set[int]:
        """Return the items of negative events, without those of a later target."""
        found: set[int] = set()
        for event in events:
            role = None if event.event_type is None else self.rules.role_of(event.event_type)
            if role == Role.NEGATIVE:
                found.add(event.item)
            elif role == Role.TARGET:
                found.discard(event.item)
        return found

    @cached_property
    def plain_types(self) -> set[str]:
        """The event types of the training as they are sent: without roles that conditions give.

        Example:
            >>> sorted(EventReader(event_types=("play:negative", "skip")).plain_types)
            ['play', 'skip']
        """
        return {self._names_of(name)[-1] for name in self.event_types}

    def _names_of(self, event_type: str) -> list[str]:
        """Return the names of an event type: its own, and that without a role, as it is sent.

        Where events had no types in training, the role alone is a name too.
        """
        plain, _, role = event_type.rpartition(":")
        if not plain or role not in _CONDITIONAL:
            return [event_type]
        return [event_type, role, plain] if self.untyped else [event_type, plain]

    def _is_left_out(self, event_type: str | None) -> bool:
        if event_type is None:
            return False
        known = self._left_out.get(event_type)
        if known is None:
            role = self.rules.role_of(event_type)
            unlearned = role == Role.NEGATIVE and not self.number_of(event_type)
            known = unlearned or role in (Role.SHOWN, Role.IGNORED)
            if len(self._left_out) < MOST:
                self._left_out[event_type] = known
        return known


def unknown_types(counts: Mapping[str, int], known: Sequence[str]) -> str | None:
    """Return a sentence about event types that were not in training; None if there are none.

    Args:
        counts: the number of events by type.
        known: the types that were in training.

    Example:
        >>> print(unknown_types({"crat": 2}, ["cart", "view"]))
        2 events have types that were not in training, first 'crat' (did you mean 'cart'?), and
        count as of unknown type, so that lists leave their items out; the RUN knows ['cart',
        'view']
    """
    if not counts:
        return None
    total = sum(counts.values())
    some = "1 event has a type" if total == 1 else f"{total:,} events have types"
    was, count = verb(total, "was", "were"), verb(total, "counts", "count")
    items = verb(total, "its item", "their items")
    first = ", ".join(repr(kind[:100]) for kind in list(counts)[:3])
    meant = did_you_mean(next(iter(counts)), known)
    return (
        f"{some} that {was} not in training, first {first}{meant}, and {count} as of unknown type, "
        f"so that lists leave {items} out; the RUN knows {list(known)[:20]}"
    )
