"""An event log in one SQLite file, shared by threads and processes."""

import hashlib
import hmac
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Lock
from time import time as now
from typing import Any

from mmrec.data import ItemId
from mmrec.realtime.log.checkpointer import Checkpointer
from mmrec.realtime.log.compaction import Compaction
from mmrec.realtime.log.event_values import plain_values
from mmrec.realtime.log.events import (
    Event,
    Imported,
    NewEvent,
    check_event,
    check_merge,
    check_merged,
    check_text,
)
from mmrec.realtime.log.group_commit import GroupCommit
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.log.sqlite_file import (
    Durability,
    connect,
    naming,
    open_file,
    purge,
    transaction,
)
from mmrec.realtime.log.sqlite_items import LAST, LOOSE, compact, read_changes
from mmrec.realtime.log.sqlite_rows import (
    SELECT,
    Row,
    event_of,
    mark_of,
    merge,
    merged_among,
    remove_user,
    store,
    store_imported,
)

_CHUNK = 1024  # events that are read at once; between chunks a reader holds no lock


class SqliteLog:
    """An :class:`EventLog` in a file: SQLite with a write-ahead log (WAL).

    Threads may share one object; their appends share commits. Each process opens the path itself,
    after a fork and not before. The file must be on a local disk.

    In the events, users are random numbers; one table joins the numbers to the ids of users.
    :meth:`forget` deletes the user's entry, events and event ids, rewrites the file and empties the
    WAL, so that no byte of the user's id is left in the files. It can't reach freed blocks of the
    file system, snapshots and backups.

    Args:
        path: the file; created if it is missing. SQLite adds files with ``-wal`` and ``-shm``.
        durability: what an acknowledged event survives. ``"normal"``: the end of the process,
            including ``kill -9``. ``"full"``: also a loss of power; each commit waits for the disk.
        user_key: a key of 16 bytes or more. Users and event ids are then stored only as HMAC-SHA256
            of their ids (:meth:`name_of`, 64 hex digits), and the log opens only with this key.

    Raises:
        ValueError: the file is not an event log, has a newer version, or has another key.
        OSError: the file can't be opened.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     log = SqliteLog(Path(folder, "events.db"))
        ...     offsets = [log.append("ann", "007", id="a1")]
        ...     offsets.append(log.append("bob", 7, event_type="cart"))
        ...     again = log.append("ann", "007", id="a1")  # sent twice, stored once
        ...     items = [event.item for event in log.read()]
        ...     forgotten = log.forget("ann")
        ...     left = [(event.offset, event.user) for event in log.read()]
        ...     log.close()
        >>> offsets, again, items, forgotten, left
        ([1, 2], 1, ['007', 7], 1, [(2, 'bob')])
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Durability = "normal",
        user_key: bytes | None = None,
    ) -> None:
        if durability not in ("normal", "full"):
            raise ValueError(f'durability: expected "normal" or "full"; got {durability!r}')
        if user_key is not None and not isinstance(user_key, bytes):
            raise TypeError(f"user_key: expected bytes; got {type(user_key).__name__}")
        if user_key is not None and len(user_key) < 16:
            raise ValueError(f"user_key: expected 16 bytes or more; got {len(user_key)}")
        self.path = Path(path).absolute()
        self._key = user_key
        self._writing = Lock()
        self._db = open_file(self.path, durability, self._hide("the key of the log") or "")
        self._db.execute("PRAGMA wal_autocheckpoint = 0")  # the checkpointer does it
        self._checkpointer = Checkpointer(self.path, durability, self._writing)
        self._group: GroupCommit[list[Row], list[int]] = GroupCommit(self._commit)
        self._idle: list[sqlite3.Connection] = []  # for reading
        self._closed = False

    def __repr__(self) -> str:
        return f"SqliteLog({str(self.path)!r})"

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
        """Store an event and return its offset; see :class:`EventLog`."""
        return self._group([self._row(NewEvent(user, item, event_type, time, id, values))])[0]

    def append_many(self, events: Sequence[NewEvent]) -> list[int]:
        """Store events, all or none, in one commit; see :class:`EventLog`."""
        rows = [self._row(event) for event in events]
        return self._group(rows) if rows else []

    def import_many(self, events: Sequence[NewEvent]) -> Imported:
        """Store events that a model was trained on, all or none; see :class:`EventLog`."""
        rows = [self._row(event) for event in events]
        with self._writer() as db, transaction(db):
            found = store_imported(db, rows)
            self._checkpointer.wrote(len(found.new))
        return found

    @property
    def imported(self) -> list[range]:
        """The offsets of imported events; see :class:`EventLog`."""
        found = self._fetch("SELECT first, last FROM imported ORDER BY first")
        return [range(first, last + 1) for first, last in found]

    def remember(self, name: str, value: str) -> None:
        """Keep a text under a name; see :class:`EventLog`."""
        with self._writer() as db, transaction(db):
            db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (f"note:{name}", value))

    def recall(self, name: str) -> str | None:
        """Return the text that was kept under a name, or None."""
        found = self._fetch("SELECT value FROM state WHERE name = ?", (f"note:{name}",))
        return found[0][0] if found else None

    def read(self, after: int = 0, limit: int | None = None) -> Iterator[Event]:
        """Iterate over the events after an offset, in the order of the log.

        Events that are appended during the iteration are included, and events of a user who is
        forgotten meanwhile are left out from then on.

        Raises:
            ValueError: ``after`` or ``limit`` is negative.
        """
        if after < 0 or (limit is not None and limit < 0):
            raise ValueError(f"expected after and limit of 0 or more; got {after} and {limit}")
        return islice(self._events(after, min(_CHUNK, limit or _CHUNK)), limit)

    def of_user(
        self, user: str, *, after: int = 0, last: int | None = None, merged: bool = False
    ) -> list[Event]:
        """Return a user's events after an offset, in log order; see :class:`EventLog`.

        Raises:
            ValueError: ``last`` is negative.
        """
        if last is not None and last < 0:
            raise ValueError(f"expected last of 0 or more; got {last}")
        theirs = "user_key = (SELECT key FROM users WHERE user = ?)"
        who: tuple[str | bytes, ...] = (self.name_of(user),)
        if merged:
            theirs += (
                " OR user_key = (SELECT user_key FROM merged WHERE mark = ?)"
                " AND time <= (SELECT until FROM merged WHERE mark = ?)"
            )
            who += (self._mark(user),) * 2
        newest = self._fetch(
            f"{SELECT} WHERE ({theirs}) AND offset > ? ORDER BY offset DESC LIMIT ?",
            (*who, after, -1 if last is None else last),
        )
        return [event_of(row) for row in reversed(newest)]

    def items_of(self, user: str) -> list[ItemId]:
        """Return the distinct items that a user interacted with, in no order."""
        found = self._fetch(
            "SELECT DISTINCT item FROM events WHERE user_key = "
            "(SELECT key FROM users WHERE user = ?)",
            (self.name_of(user),),
        )
        return [item for (item,) in found]

    def before(self, offset: int, last: int | None = None) -> list[Event]:
        """Return the user's events before an event, in log order: all, or the ``last`` ones."""
        newest = self._fetch(
            f"{SELECT} WHERE user_key = (SELECT user_key FROM events WHERE offset = ?) "
            "AND offset < ? ORDER BY offset DESC LIMIT ?",
            (offset, offset, -1 if last is None else last),
        )
        return [event_of(row) for row in reversed(newest)]

    def key_at(self, offset: int) -> int:
        """Return the random number of the user of an event, 0 if the event was removed."""
        found = self._fetch("SELECT user_key FROM events WHERE offset = ?", (offset,))
        return int(found[0][0]) if found else 0

    def key_of(self, user: str) -> int:
        """Return the random number of a user, 0 without events; see :class:`EventLog`."""
        found = self._fetch("SELECT key FROM users WHERE user = ?", (self.name_of(user),))
        return int(found[0][0]) if found else 0

    def merge_users(self, source: str, target: str) -> int:
        """Make the events of one user those of another; see :class:`EventLog`.

        One transaction does it, so that nothing is lost if the process is killed.
        """
        check_merge(source, target)
        name, into = self.name_of(source), self.name_of(target)
        with self._writer() as db:
            with transaction(db):
                before, _ = merged_among(db, [name]).get(name, (None, 0.0))
                check_merged(source, before, into)
                moved = merge(db, name, into)
            self._checkpointer.wrote(moved)
        return moved

    def known_keys(self, keys: Sequence[int]) -> set[int]:
        """Return the ``keys`` whose users were neither forgotten nor merged."""
        found = self._fetch(
            "SELECT key FROM users WHERE key IN (SELECT value FROM json_each(?))",
            (json.dumps(list(keys)),),
        )
        return {key for (key,) in found}

    def change_items(self, change: ItemChange) -> int:
        """Store a change of the catalogue and return its number, from 1."""
        packed = change.pack()
        with self._writer() as db:
            with transaction(db):
                cursor = db.execute(
                    "INSERT INTO item_changes (action, packed) VALUES (?, ?)",
                    (change.action, packed),
                )
                number = int(cursor.lastrowid or 0)
            self._checkpointer.wrote(1)
        return number

    def item_changes(self, after: int = 0) -> list[tuple[int, ItemChange]]:
        """Return the changes with a number larger than ``after``, in their order."""
        return read_changes(self._fetch, after)

    def compact_items(self) -> Compaction:
        """Replace changes of items by fewer ones; see :class:`EventLog`.

        One transaction writes the new changes and deletes the old ones, so that nothing is lost if
        the process is killed. Most changes are read before other writers have to wait.
        """
        ahead = self.item_changes()
        with self._writer() as db:
            with transaction(db):
                done = compact(db, ahead)
            self._checkpointer.wrote(done.folded)
        return done

    @property
    def loose_changes(self) -> int:
        """How many changes of items came after the last compaction."""
        return int(self._fetch(LOOSE)[0][0])

    @property
    def last_change(self) -> int:
        """The number of the last change, 0 without changes."""
        found = self._fetch(LAST)
        return int(found[0][0]) if found else 0

    def forget(self, user: str) -> int:
        """Remove all data of a user from the files; return the number of removed events.

        Writers wait while the whole file is rewritten. The offsets of other events stay the same.
        What stays is a keyed hash of the user: :meth:`import_many` doesn't bring the user back.
        The user's event ids are removed too, so an event that is sent again counts as new.

        Raises:
            OSError: the file can't be rewritten. Readers don't get the events any more. The rewrite
                is repeated when the log is opened or any user is forgotten.
        """
        name = self.name_of(user)
        with self._writer() as db:
            with transaction(db):
                removed = remove_user(db, name)
            purge(db)
        return removed

    def was_forgotten(self, user: str) -> bool:
        """Return whether a user was forgotten once."""
        if not self._fetch("SELECT 1 FROM forgotten LIMIT 1"):
            return False
        return bool(self._fetch("SELECT 1 FROM forgotten WHERE mark = ?", (self._mark(user),)))

    @property
    def last_offset(self) -> int:
        """The largest offset ever given, including forgotten events; 0 without events."""
        found = self._fetch("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        return int(found[0][0]) if found else 0

    def name_of(self, user: str) -> str:
        """Return the name of a user in :class:`Event`: the id, or its keyed hash.

        Raises:
            ValueError: the user is not a text of 1 to 256 characters.
        """
        check_text("user", user)
        return self._hide(user) or user

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._checkpointer.close()
        with self._writing:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
            self._db.close()

    def _hide(self, text: str) -> str | None:
        if self._key is None:
            return None
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def _mark(self, user: str) -> bytes:
        [(salt,)] = self._fetch("SELECT value FROM state WHERE name = 'salt'")
        return mark_of(bytes(salt), self.name_of(user))

    def _row(self, event: NewEvent) -> Row:
        check_event(event)
        user, item, event_type, time, id, values = event
        kept = plain_values(values)
        return Row(
            user=self._hide(user) or user,
            item=item,
            event_type=event_type,
            time=now() if time is None else float(time),
            id=id if id is None else self._hide(id) or id,
            timed=time is not None,
            values=None if kept is None else json.dumps(kept),
        )

    def _commit(self, requests: list[list[Row]]) -> list[list[int] | ValueError]:
        with self._writer() as db, transaction(db):
            answers = [_stored(db, rows) for rows in requests]
            self._checkpointer.wrote(sum(map(len, requests)))
        return answers  # here the transaction is committed

    def _events(self, after: int, size: int) -> Iterator[Event]:
        query = f"{SELECT} WHERE offset > ? ORDER BY offset LIMIT ?"
        while rows := self._fetch(query, (after, size)):
            yield from map(event_of, rows)
            after = rows[-1][0]

    @contextmanager
    def _writer(self) -> Iterator[sqlite3.Connection]:
        with self._writing, naming(self.path):
            self._check_open()
            yield self._db

    def _fetch(self, query: str, values: tuple[str | int | bytes, ...] = ()) -> list[Any]:
        """Run a query on a connection for reading, which doesn't wait for writers."""
        with naming(self.path):
            self._check_open()
            try:
                db = self._idle.pop()
            except IndexError:
                db = connect(self.path)
            try:
                rows = db.execute(query, values).fetchall()
            except BaseException:
                db.close()
                raise
        self._idle.append(db)
        return rows

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(f"{self.path}: the log is closed")


def _stored(db: sqlite3.Connection, rows: list[Row]) -> list[int] | ValueError:
    """Store the rows of one request; a refused request leaves those of others."""
    try:
        return store(db, rows)
    except ValueError as error:
        return error
