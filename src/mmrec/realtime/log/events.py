"""Events of users, and the contract of the log that stores them."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from numbers import Real
from typing import Any, NamedTuple, Protocol, runtime_checkable

from mmrec.data import ItemId
from mmrec.data.times import LATEST, other_unit
from mmrec.realtime.log.compaction import Compaction
from mmrec.realtime.log.event_values import Value, plain_values
from mmrec.realtime.log.item_changes import ItemChange

LONGEST = 256
"""Characters of a text in an event: user, type, id."""

_LONGEST_ITEM = 1024


class Event(NamedTuple):
    """An event in a log.

    Attributes:
        offset: its place in the log, from 1; later events have larger offsets.
        user: who interacted with the item; a keyed hash if the log hides users.
        item: which item, as it was written: ``"007"`` is not ``7``.
        event_type: what happened, such as ``"view"`` or ``"cart"``.
        time: when, in seconds since 1970; the log need not be in this order.
        values: columns of the event that conditions have read; None without any.
    """

    offset: int
    user: str
    item: ItemId
    event_type: str
    time: float
    values: Mapping[str, Value] | None = None


class NewEvent(NamedTuple):
    """An event that is not in a log yet.

    Attributes:
        user: who interacted with the item: a text of 1 to 256 characters.
        item: which item: a text of 1 to 1,024 characters, or an integer of 64 bits.
        event_type: what happened: a text of 1 to 256 characters.
        time: when, in seconds since 1970; None stands for the time of writing.
        id: the sender's name for this event, 1 to 256 characters. An id counts once.
        values: columns of the event that conditions have read, to give it its type. A log keeps
            texts of at most 1,000 characters, numbers and truth values as they are, and others as
            texts; it keeps no column that names the user, the item, the type or the time.
    """

    user: str
    item: ItemId
    event_type: str = "view"
    time: float | None = None
    id: str | None = None
    values: Mapping[str, Any] | None = None


class Imported(NamedTuple):
    """What became of events that were imported.

    Attributes:
        offsets: the offset of each event; 0 if it was left out, since its user was forgotten.
        new: the offsets of those that the log had not.
    """

    offsets: list[int]
    new: range


def check_event(event: NewEvent) -> None:
    """Refuse an event that a log can't store.

    Raises:
        ValueError: a text is empty, too long or not text; an item is neither a text nor an integer
            of 64 bits; the time is not a finite number, is below 0, or is later than the year 2200;
            a text among the values has more than 1,000 characters.

    Example:
        >>> check_event(NewEvent("ann", "lamp"))
        >>> check_event(NewEvent("ann", "lamp", time=float("nan")))
        Traceback (most recent call last):
        ...
        ValueError: time: expected a finite number of seconds; got nan
    """
    check_text("user", event.user)
    check_text("event_type", event.event_type)
    if event.id is not None:
        check_text("id", event.id)
    _check_item(event.item)
    if event.time is not None:
        check_time(event.time)
    plain_values(event.values)


def check_text(name: str, text: object, longest: int = LONGEST) -> None:
    """Refuse a text that is empty, longer than ``longest``, or can't be encoded as UTF-8.

    Raises:
        ValueError: the text is refused; the message starts with ``name``.

    Example:
        >>> check_text("user", "")
        Traceback (most recent call last):
        ...
        ValueError: user: expected a text of 1 to 256 characters; got 0 characters
    """
    want = f"{name}: expected a text of 1 to {longest:,} characters"
    if not isinstance(text, str):
        raise ValueError(f"{want}; got {type(text).__name__}")
    if not 1 <= len(text) <= longest:
        raise ValueError(f"{want}; got {len(text):,} characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{want}; got one that can't be encoded as UTF-8") from None


def check_merge(source: str, target: str) -> None:
    """Refuse users that can't be merged.

    Raises:
        ValueError: they are the same, or one is not a text of 1 to 256 characters.

    Example:
        >>> check_merge("ann", "ann")
        Traceback (most recent call last):
        ...
        ValueError: target: expected another user than the source; got the same
    """
    check_text("source", source)
    check_text("target", target)
    if source == target:
        raise ValueError("target: expected another user than the source; got the same")


def check_merged(source: str, before: str | None, target: str) -> None:
    """Refuse to merge a user, whose events became those of ``before``, into another one.

    Raises:
        ValueError: ``before`` is neither None nor ``target``. It is not named.

    Example:
        >>> check_merged("visitor-7", "ann", "bob")
        Traceback (most recent call last):
        ...
        ValueError: visitor-7 was merged into another user; give a visitor who logs out a new id
    """
    if before not in (None, target):
        raise ValueError(
            f"{source} was merged into another user; give a visitor who logs out a new id"
        )


def _check_item(item: object) -> None:
    if isinstance(item, int) and not isinstance(item, bool):
        if not -(2**63) <= item < 2**63:
            raise ValueError(f"item: expected an integer of 64 bits; got {item.bit_length()} bits")
    elif isinstance(item, str):
        check_text("item", item, _LONGEST_ITEM)
    else:
        raise ValueError(f"item: expected a text or an integer; got {type(item).__name__}")


def check_time(time: object) -> None:
    """Refuse a time that is not in seconds since 1970, before the year 2200.

    Raises:
        ValueError: the time is refused; the message says if it looks like another unit.

    Example:
        >>> check_time(1.7e12)
        Traceback (most recent call last):
        ...
        ValueError: time: expected seconds since 1970, ... which looks like milliseconds
    """
    # The plain types first: a check of an abstract one takes longer than the rest.
    if isinstance(time, bool) or not isinstance(time, (float, int, Real)):
        raise ValueError(f"time: expected a finite number of seconds; got {time!r:.100}")
    try:
        seconds = float(time)
    except OverflowError:
        raise ValueError("time: expected seconds before the year 2200; got a huge number") from None
    if not isfinite(seconds):
        raise ValueError(f"time: expected a finite number of seconds; got {time!r}")
    if not 0 <= seconds < LATEST:
        raise ValueError(
            f"time: expected seconds since 1970, before the year 2200; got {time!r}"
            f"{other_unit(seconds)}"
        )


@runtime_checkable
class EventLog(Protocol):
    """The events of all users in the order in which they were accepted. Events never change.

    An event is durable before its offset is returned. Offsets start at 1, increase, and are never
    used twice; a gap stands for forgotten events. Once an offset can be read, no smaller offset
    appears later.

    **Late events.** The order of the log is the order of the offsets. An event with an earlier
    ``time`` than the events before it is neither refused nor moved. States are computed in the
    order of the log, so that events up to an offset always give the state that was served then.

    **Repeated events.** A sender that doesn't know whether an event arrived sends it again with the
    same ``id`` and gets the first offset. Other content with a known id is an error. The time is
    compared only if the repeated event has one, and of ``values`` only the type that they gave.
    """

    def append(
        self,
        user: str,
        item: ItemId,
        *,
        event_type: str = "view",
        time: float | None = None,
        id: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> int:
        """Store an event and return its offset.

        Raises:
            ValueError: ``check_event`` refuses a value, or the id is known with other content.
            OSError: the event can't be stored.
        """
        ...

    def append_many(self, events: Sequence[NewEvent]) -> list[int]:
        """Store events, all or none, in one commit; return their offsets in the same order.

        Raises:
            ValueError: as in :meth:`append`, for any of them.
            OSError: they can't be stored; none is.
        """
        ...

    def import_many(self, events: Sequence[NewEvent]) -> Imported:
        """Store events that a model was trained on, all or none, in one commit.

        They differ from observed events in two ways. Learners pass them over (:attr:`imported`).
        And the events of a user who was once forgotten are left out: a file of old events must not
        bring the user back.

        Raises:
            ValueError: as in :meth:`append`, for any of them.
            OSError: they can't be stored; none is.
        """
        ...

    @property
    def imported(self) -> list[range]:
        """The offsets of imported events, as ranges in order."""
        ...

    def remember(self, name: str, value: str) -> None:
        """Keep a text under a name, in place of an earlier one.

        Raises:
            OSError: it can't be stored.
        """
        ...

    def recall(self, name: str) -> str | None:
        """Return the text that was kept under a name, or None."""
        ...

    def read(self, after: int = 0, limit: int | None = None) -> Iterator[Event]:
        """Iterate over the events with an offset larger than ``after``, at most ``limit``."""
        ...

    def of_user(
        self, user: str, *, after: int = 0, last: int | None = None, merged: bool = False
    ) -> list[Event]:
        """Return a user's events after an offset, in log order: all, or the ``last`` ones.

        Args:
            user: the user.
            after: events with a larger offset are returned.
            last: how many of the last ones are returned; None for all.
            merged: whether to return also those of whom the user was merged into, up to the time
                of the last moved event, as an import needs them.
        """
        ...

    def items_of(self, user: str) -> list[ItemId]:
        """Return the distinct items that a user interacted with, in no order."""
        ...

    def name_of(self, user: str) -> str:
        """Return the name of a user in :class:`Event`: the id, or its hash.

        Raises:
            ValueError: the user is not a text of 1 to 256 characters.
        """
        ...

    def before(self, offset: int, last: int | None = None) -> list[Event]:
        """Return the user's events before an event, in log order: all, or the ``last`` ones."""
        ...

    def key_at(self, offset: int) -> int:
        """Return the random number of the user of an event, 0 if the event was removed."""
        ...

    def key_of(self, user: str) -> int:
        """Return the random number of a user, 0 without events.

        It changes if the user is forgotten or merged, so what was made of the user's events before
        can be told from what is made of them now.
        """
        ...

    def known_keys(self, keys: Sequence[int]) -> set[int]:
        """Return the ``keys`` whose users were neither forgotten nor merged."""
        ...

    def merge_users(self, source: str, target: str) -> int:
        """Make the events of one user those of another; return how many there were.

        It happens as a whole or not at all. Events keep their offsets, so the order of the log
        stays. ``source`` is a new user afterwards, without events; those that come later are moved
        by another call. What came before is remembered in a form that doesn't show who ``source``
        was: an event that is sent again under its ``id`` is known, imported events of ``source`` up
        to the time of its last moved event are those of ``target``, and :meth:`forget` of
        ``target`` forgets both.

        Raises:
            ValueError: the users are the same, one is not a text of 1 to 256 characters, or
                ``source`` was merged into another user before.
            OSError: the log can't be written; it stays as it was.
        """
        ...

    def forget(self, user: str) -> int:
        """Remove all data of a user; return the number of removed events.

        The log remembers that the user was forgotten, in a form that doesn't show who it was. What
        was merged into another user before is that user's, and stays.
        """
        ...

    def was_forgotten(self, user: str) -> bool:
        """Return whether a user was forgotten once."""
        ...

    def change_items(self, change: ItemChange) -> int:
        """Store a change of the catalogue and return its number, from 1."""
        ...

    def item_changes(self, after: int = 0) -> list[tuple[int, ItemChange]]:
        """Return the changes with a number larger than ``after``, in their order."""
        ...

    def compact_items(self) -> Compaction:
        """Replace changes of items by fewer ones with the same result, see ``compacted``.

        The new ones get new numbers, so that readers which follow by number take them over; whoever
        has applied the old ones finds nothing to change. It happens as a whole or not at all.

        Raises:
            OSError: the log can't be written.
        """
        ...

    @property
    def loose_changes(self) -> int:
        """How many changes of items came after the last compaction."""
        ...

    @property
    def last_change(self) -> int:
        """The number of the last change, 0 without changes."""
        ...

    @property
    def last_offset(self) -> int:
        """The largest offset ever given, including forgotten events; 0 without events."""
        ...

    def close(self) -> None:
        """Close files; a second call does nothing."""
        ...
