"""The changes of items in a :class:`SqliteLog`: read, compact."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from mmrec.realtime.log.compaction import Compaction, compacted, is_kept
from mmrec.realtime.log.item_changes import ItemChange

LAST = "SELECT seq FROM sqlite_sequence WHERE name = 'item_changes'"
"""The largest number ever given: the change itself may have been replaced."""

LOOSE = """
SELECT count(*) FROM item_changes
WHERE number > coalesce((SELECT value FROM state WHERE name = 'compacted'), 0)
"""

_SELECT = "SELECT number, action, packed FROM item_changes WHERE number > ? ORDER BY number"
_INSERT = "INSERT INTO item_changes (action, packed) VALUES (?, ?)"


def read_changes(fetch: Callable[..., Any], after: int) -> list[tuple[int, ItemChange]]:
    """Return the changes after a number; ``fetch`` runs a query and returns its rows."""
    return [
        (number, ItemChange.unpack(action, packed))
        for number, action, packed in fetch(_SELECT, (after,))
    ]


def compact(db: sqlite3.Connection, ahead: Sequence[tuple[int, ItemChange]]) -> Compaction:
    """Replace the changes of items within a transaction.

    Args:
        db: holds the lock of writers.
        ahead: the changes that were read before, so that the lock is held for a shorter time.
    """
    found = db.execute(LAST).fetchone()
    before = int(found[0]) if found else 0
    there = {number for (number,) in db.execute("SELECT number FROM item_changes")}
    # Another process may have compacted meanwhile, or written more.
    numbered = [(number, change) for number, change in ahead if number in there]
    numbered += read_changes(db.execute, numbered[-1][0] if numbered else 0)
    old = [(number,) for number, change in numbered if not is_kept(change)]
    new = [change for change in compacted(c for _, c in numbered) if not is_kept(change)]
    db.executemany("DELETE FROM item_changes WHERE number = ?", old)
    db.executemany(_INSERT, [(change.action, change.pack()) for change in new])
    after = before + len(new)
    db.execute("INSERT OR REPLACE INTO state VALUES ('compacted', ?)", (after,))
    return Compaction(len(old), before, after)
