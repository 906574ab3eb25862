"""The rows of a :class:`SqliteLog`: insert, import, compare repeated events, remove a user."""

import hmac
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mmrec.data import ItemId
from mmrec.realtime.log.event_values import StoredValues
from mmrec.realtime.log.events import Event, Imported

_VALUES = 500  # of one query

SELECT = """
SELECT offset, user, item, event_type, time, given_values
FROM events CROSS JOIN users ON users.key = events.user_key
"""  # CROSS keeps the order of the tables, so that a read follows the offsets


class Row(NamedTuple):
    """A checked event as it is stored.

    Attributes:
        timed: whether the sender gave the time.
        values: columns of the event as JSON; None without any.
    """

    user: str
    item: ItemId
    event_type: str
    time: float
    id: str | None
    timed: bool
    values: str | None


def event_of(row: Sequence[Any]) -> Event:
    """Return the event of a row of ``SELECT``."""
    offset, user, item, event_type, time, values = row
    given = None if values is None else StoredValues(values)
    return Event(offset, user, item, event_type, time, given)


def store(db: sqlite3.Connection, rows: Sequence[Row]) -> list[int]:
    """Insert rows within a transaction; return their offsets. A known id keeps its offset.

    Raises:
        ValueError: an id is known with other content. No row is stored, and the transaction
            continues.
    """
    known = _stored(db, [row.id for row in rows if row.id is not None])
    offsets: list[int] = []
    new: list[Row] = []
    last = last_offset(db)
    for row in rows:
        same = None if row.id is None else known.get(row.id)
        if same is None:
            offsets.append(last + len(new) + 1)
            new.append(row)
            if row.id is not None:
                known[row.id] = (offsets[-1], row.user, row.item, row.event_type, row.time)
        else:
            _check_same(_as_merged(db, row, same[1]), Event(*same))
            offsets.append(same[0])
    keys = _keys_of(db, dict.fromkeys(row.user for row in new))
    db.executemany(
        "INSERT INTO events (offset, user_key, item, event_type, time, id, given_values) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (offset, keys[row.user], row.item, row.event_type, row.time, row.id, row.values)
            for offset, row in enumerate(new, last + 1)
        ],
    )
    return offsets


def store_imported(db: sqlite3.Connection, rows: Sequence[Row]) -> Imported:
    """Insert the rows of users who were not forgotten, and mark them as imported."""
    users = {row.user for row in rows}
    # By the name in the row, since a user may be forgotten first and merged then.
    forgotten, merged = forgotten_among(db, users), merged_among(db, users)
    first = last_offset(db) + 1
    kept = [_as_moved(row, merged) for row in rows if row.user not in forgotten]
    offsets = iter(store(db, kept))
    new = range(first, last_offset(db) + 1)
    if new:  # the last range grows if no other event came in between
        grown = db.execute(
            "UPDATE imported SET last = ? WHERE last = ?", (new[-1], first - 1)
        ).rowcount
        if not grown:
            db.execute("INSERT INTO imported VALUES (?, ?)", (first, new[-1]))
    return Imported([0 if row.user in forgotten else next(offsets) for row in rows], new)


def last_offset(db: sqlite3.Connection) -> int:
    """Return the largest offset ever given, 0 without events."""
    found = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return int(found[0]) if found else 0


def forgotten_among(db: sqlite3.Connection, users: Iterable[str]) -> set[str]:
    """Return the users who were forgotten once.

    The file holds a keyed hash of each of them. Its key is in the file too, because an import must
    recognize a forgotten user: who has the file can test a name, but can't list the names. With a
    ``user_key`` even the test needs that key, since ``users`` are hashes already.
    """
    if not db.execute("SELECT 1 FROM forgotten LIMIT 1").fetchone():
        return set()
    salt = _salt(db)
    marks = {mark_of(salt, user): user for user in users}
    return {marks[mark] for (mark,) in _select(db, "SELECT mark FROM forgotten", "mark", marks)}


def remove_user(db: sqlite3.Connection, user: str) -> int:
    """Delete a user and the events, and mark the file for a purge; return their number.

    What stays is a keyed hash of the user, and of those who were merged into the user, so that no
    import brings the user back. Also the name of a user without events may be in old pages.
    """
    mark = (mark_of(_salt(db), user),)
    db.execute("INSERT OR IGNORE INTO forgotten VALUES (?)", mark)
    db.execute("DELETE FROM merged WHERE mark = ?", mark)
    db.execute("UPDATE state SET value = value + 1 WHERE name = 'purge'")
    found = db.execute("SELECT key FROM users WHERE user = ?", (user,)).fetchone()
    if found is None:
        return 0
    db.execute("INSERT OR IGNORE INTO forgotten SELECT mark FROM merged WHERE user_key = ?", found)
    db.execute("DELETE FROM merged WHERE user_key = ?", found)
    removed = db.execute("DELETE FROM events WHERE user_key = ?", found).rowcount
    db.execute("DELETE FROM users WHERE key = ?", found)
    return removed


def merge(db: sqlite3.Connection, source: str, target: str) -> int:
    """Make the events of one user those of another within a transaction; return their number.

    The user has a new key. What stays of the source is a keyed hash, as of a forgotten user, and
    the time of its last moved event.
    """
    keys = dict(_select(db, "SELECT user, key FROM users", "user", [source, target]))
    if source not in keys:
        return 0
    new, salt = secrets.randbits(63), _salt(db)
    query = "SELECT max(time) FROM events WHERE user_key = ?"
    [until] = db.execute(query, (keys[source],)).fetchone()
    db.executemany("DELETE FROM users WHERE user = ?", [(user,) for user in keys])
    db.execute("INSERT INTO users (key, user) VALUES (?, ?)", (new, target))
    moved = {
        user: db.execute("UPDATE events SET user_key = ? WHERE user_key = ?", (new, key)).rowcount
        for user, key in keys.items()
    }
    db.executemany(
        "UPDATE merged SET user_key = ? WHERE user_key = ?", [(new, key) for key in keys.values()]
    )
    # Who is merged back is no other user.
    db.execute("DELETE FROM merged WHERE mark = ? AND user_key = ?", (mark_of(salt, target), new))
    db.execute(
        "INSERT INTO merged VALUES (?, ?, ?) "
        "ON CONFLICT (mark) DO UPDATE SET until = max(until, excluded.until)",
        (mark_of(salt, source), new, until),
    )
    return moved[source]


def merged_among(db: sqlite3.Connection, users: Iterable[str]) -> dict[str, tuple[str, float]]:
    """Return whom users were merged into, and the time of the last moved event, by their names."""
    if not db.execute("SELECT 1 FROM merged LIMIT 1").fetchone():
        return {}
    salt = _salt(db)
    marks = {mark_of(salt, user): user for user in users}
    query = "SELECT mark, user, until FROM merged JOIN users ON users.key = merged.user_key"
    return {marks[mark]: (user, until) for mark, user, until in _select(db, query, "mark", marks)}


def _as_moved(row: Row, merged: Mapping[str, tuple[str, float]]) -> Row:
    """Return a row as one of whom its user was merged into, unless it is of a later time."""
    user, until = merged.get(row.user, (row.user, row.time))
    return row._replace(user=user) if row.time <= until else row


def _as_merged(db: sqlite3.Connection, row: Row, user: str) -> Row:
    """Return a row as one of a user, if its own was merged into that one."""
    if row.user == user:
        return row
    merged, _ = merged_among(db, [row.user]).get(row.user, (row.user, 0.0))
    return row._replace(user=user) if merged == user else row


def _salt(db: sqlite3.Connection) -> bytes:
    return bytes(db.execute("SELECT value FROM state WHERE name = 'salt'").fetchone()[0])


def mark_of(salt: bytes, user: str) -> bytes:
    """Return the keyed hash by which a forgotten user is recognized."""
    return hmac.digest(salt, user.encode(), "sha256")


def _stored(db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Any]:
    """Return the events that are stored under these ids, by id."""
    query = """
    SELECT id, offset, user, item, event_type, time
    FROM events CROSS JOIN users ON users.key = events.user_key
    """
    return {id: event for id, *event in _select(db, query, "id", ids)}


def _keys_of(db: sqlite3.Connection, users: Iterable[str]) -> dict[str, int]:
    """Return the key of each user; a new user gets one."""
    # Not cached: another process may have forgotten a user.
    known = dict(_select(db, "SELECT user, key FROM users", "user", users))
    new = {user: secrets.randbits(63) for user in users if user not in known}
    db.executemany("INSERT INTO users (user, key) VALUES (?, ?)", new.items())
    return known | new


def _select(
    db: sqlite3.Connection, query: str, column: str, values: Iterable[str | bytes]
) -> Iterator[Any]:
    """Yield the rows of a query in which a column has one of the values."""
    wanted = list(values)
    for start in range(0, len(wanted), _VALUES):
        some = wanted[start : start + _VALUES]
        marks = ",".join("?" * len(some))
        yield from db.execute(f"{query} WHERE {column} IN ({marks})", some)


def _check_same(row: Row, stored: Event) -> None:
    names = ["user", "item", "event_type", *(["time"] if row.timed else [])]
    other = [name for name in names if getattr(stored, name) != getattr(row, name)]
    if other:
        raise ValueError(
            f"id: expected the event that is stored under it at offset {stored.offset}; got "
            f"another {' and '.join(other)}"
        )
