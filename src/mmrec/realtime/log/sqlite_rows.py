"""The rows of a :class:`SqliteLog`: insert, compare repeated events, remove a user."""

import secrets
import sqlite3
from typing import NamedTuple

from mmrec.data import ItemId
from mmrec.realtime.log.events import Event

SELECT = """
SELECT offset, user, item, event_type, time
FROM events CROSS JOIN users ON users.key = events.user_key
"""  # CROSS keeps the order of the tables, so that a read follows the offsets


class Row(NamedTuple):
    """A checked event as it is stored; ``timed``: whether the sender gave the time."""

    user: str
    item: ItemId
    event_type: str
    time: float
    id: str | None
    timed: bool


def store(db: sqlite3.Connection, rows: list[Row]) -> list[int] | Exception:
    """Insert rows within a transaction; return their offsets.

    Returns:
        The offsets, or the ValueError of a refused row. In that case no row is stored, and the
        transaction continues.
    """
    if len(rows) == 1:  # a refused row has written nothing
        try:
            return [_insert(db, rows[0])]
        except ValueError as error:
            return error
    db.execute("SAVEPOINT request")
    try:
        offsets = [_insert(db, row) for row in rows]
    except ValueError as error:
        db.execute("ROLLBACK TO request")
        db.execute("RELEASE request")
        return error
    db.execute("RELEASE request")
    return offsets


def remove_user(db: sqlite3.Connection, user: str) -> int:
    """Delete a user and the events, and mark the file for a purge; return their number."""
    found = db.execute("SELECT key FROM users WHERE user = ?", (user,)).fetchone()
    if found is None:
        return 0
    removed = db.execute("DELETE FROM events WHERE user_key = ?", found).rowcount
    db.execute("DELETE FROM users WHERE key = ?", found)
    db.execute("UPDATE state SET value = value + 1 WHERE name = 'purge'")
    return removed


def _insert(db: sqlite3.Connection, row: Row) -> int:
    if row.id is not None and (known := _known(db, row)) is not None:
        return known
    # Not cached: another process may have forgotten the user.
    found = db.execute("SELECT key FROM users WHERE user = ?", (row.user,)).fetchone()
    key = found[0] if found else secrets.randbits(63)
    if not found:
        db.execute("INSERT INTO users VALUES (?, ?)", (key, row.user))
    cursor = db.execute(
        "INSERT INTO events (user_key, item, event_type, time, id) VALUES (?, ?, ?, ?, ?)",
        (key, row.item, row.event_type, row.time, row.id),
    )
    return int(cursor.lastrowid or 0)


def _known(db: sqlite3.Connection, row: Row) -> int | None:
    """Return the offset of the event that is stored with the same id, if any."""
    found = db.execute(f"{SELECT} WHERE id = ?", (row.id,)).fetchone()
    if found is None:
        return None
    stored = Event._make(found)
    names = ["user", "item", "event_type", *(["time"] if row.timed else [])]
    other = [name for name in names if getattr(stored, name) != getattr(row, name)]
    if other:
        raise ValueError(
            f"id: expected the event that is stored under it at offset {stored.offset}; got "
            f"another {' and '.join(other)}"
        )
    return stored.offset
