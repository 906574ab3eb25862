"""The file of a :class:`SqliteLog`: tables, opening, errors."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Literal

Durability = Literal["normal", "full"]

APPLICATION = int.from_bytes(b"mmre", "big")
SCHEMA = 4
"""Version of the tables.

1 named ``event_type`` ``kind``; 3 added imports and forgotten users; 4 merged ones, and the values
of events.
"""

WAIT = 10.0  # seconds that a writer waits for another process

# `item` has no type, so that SQLite converts neither texts nor integers.
_TABLES = """
CREATE TABLE users (key INTEGER PRIMARY KEY, user TEXT NOT NULL UNIQUE);
CREATE TABLE events (
    offset INTEGER PRIMARY KEY AUTOINCREMENT,
    user_key INTEGER NOT NULL REFERENCES users (key),
    item NOT NULL,
    event_type TEXT NOT NULL,
    time REAL NOT NULL,
    id TEXT,
    given_values TEXT
);
CREATE UNIQUE INDEX events_by_id ON events (id) WHERE id IS NOT NULL;
CREATE INDEX events_by_user ON events (user_key);
CREATE TABLE item_changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    action TEXT NOT NULL,
    packed BLOB NOT NULL
);
CREATE TABLE state (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""
# Offsets of imported events, and marks of forgotten users, see `sqlite_rows`.
_ADDED = """
CREATE TABLE imported (first INTEGER PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE forgotten (mark BLOB PRIMARY KEY) WITHOUT ROWID;
INSERT INTO state VALUES ('salt', randomblob(32));
"""
# Marks of users who were merged into others, and the time of the last moved event of each.
_MERGED = """
CREATE TABLE merged (
    mark BLOB PRIMARY KEY,
    user_key INTEGER NOT NULL,
    until REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX merged_by_user ON merged (user_key);
"""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into an OSError that names the file.

    Raises:
        OSError: the disk is full (``ENOSPC``), or the file can't be read or written.
        TimeoutError: another process has locked the file; a subclass of ``OSError``.
        ValueError: the file is not an SQLite database.
    """
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest is detail
        if code == sqlite3.SQLITE_NOTADB:
            raise ValueError(f"{path}: expected an event log of mmrec; got another file") from error
        numbers = {
            sqlite3.SQLITE_FULL: errno.ENOSPC,
            sqlite3.SQLITE_BUSY: errno.ETIMEDOUT,
            sqlite3.SQLITE_LOCKED: errno.ETIMEDOUT,
            sqlite3.SQLITE_READONLY: errno.EACCES,
            sqlite3.SQLITE_PERM: errno.EACCES,
            sqlite3.SQLITE_CANTOPEN: errno.ENOENT,
        }
        number = numbers.get(code, errno.EIO)
        raise OSError(number, f"event log: {error}", str(path)) from error


def open_file(path: Path, durability: Durability, key_mark: str) -> sqlite3.Connection:
    """Open a log for writing, or create it, readable by its owner alone, if the file is missing.

    Args:
        path: the file; its folder must exist.
        durability: what a commit survives, as in :class:`SqliteLog`.
        key_mark: digest of the key that hides users, "" without a key; must be that of the file.

    Raises:
        ValueError: the file isn't an event log, was made by a newer mmrec, or has another key.
        OSError: it can't be read or written.
    """
    with suppress(OSError):  # SQLite says it better, and gives its other files the same mode
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    with naming(path):
        db = connect(path, durability)
        try:
            _ensure_tables(db, path, key_mark)
        except BaseException:
            db.close()
            raise
    return db


def connect(path: Path, durability: Durability = "normal") -> sqlite3.Connection:
    """Return a connection that one thread at a time may use."""
    db = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA secure_delete = ON")
    db.execute(f"PRAGMA synchronous = {durability.upper()}")
    if durability == "full":
        db.execute("PRAGMA fullfsync = ON")  # macOS: fsync may leave data in the drive's cache
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Hold the file's write lock; commit at the end, or roll back on an error."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite itself rolls back when the disk is full
            db.execute("ROLLBACK")
        raise


def purge(db: sqlite3.Connection) -> None:
    """Rewrite the file and empty its WAL, so that no byte of deleted rows is left.

    Raises:
        sqlite3.OperationalError: a reader used the WAL for too long.
    """
    seen = db.execute("SELECT value FROM state WHERE name = 'purge'").fetchone()[0]
    if not seen:
        return
    db.execute("VACUUM")  # old pages have copies of moved rows in spite of secure_delete
    until = monotonic() + WAIT
    while _checkpoint_is_busy(db):
        if monotonic() > until:
            error = sqlite3.OperationalError("a reader kept forgotten events in the WAL")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        sleep(0.01)
    # If another process has deleted more rows meanwhile, the mark stays.
    db.execute("UPDATE state SET value = 0 WHERE name = 'purge' AND value = ?", (seen,))


def _checkpoint_is_busy(db: sqlite3.Connection) -> bool:
    try:
        return bool(db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return True
        raise


def _ensure_tables(db: sqlite3.Connection, path: Path, key_mark: str) -> None:
    if _is_new(db, path):
        _use_wal(db, path)
        with transaction(db):
            if _is_new(db, path):  # another process may have created it
                for statement in (_TABLES + _ADDED + _MERGED).split(";"):
                    db.execute(statement)
                db.execute("INSERT INTO state VALUES ('purge', 0), ('key', ?)", (key_mark,))
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {SCHEMA}")
    _upgrade(db)
    stored = db.execute("SELECT value FROM state WHERE name = 'key'").fetchone()[0]
    if stored != key_mark:
        names = {"": "no user_key"}
        raise ValueError(
            f"{path}: expected the user_key that the log was made with "
            f"({names.get(stored, 'a key')}); got {names.get(key_mark, 'another key')}"
        )
    purge(db)  # a process may have been killed while it forgot a user


def _upgrade(db: sqlite3.Connection) -> None:
    """Turn tables of an earlier version into those of this one; no row changes."""
    if _version(db) == SCHEMA:
        return
    with transaction(db):
        version = _version(db)  # now, since another process may have done it
        columns = db.execute("SELECT name FROM pragma_table_info('events')").fetchall()
        if ("kind",) in columns:
            db.execute("ALTER TABLE events RENAME COLUMN kind TO event_type")
        if ("given_values",) not in columns:
            db.execute("ALTER TABLE events ADD COLUMN given_values TEXT")
        if version < 3:
            for statement in _ADDED.split(";"):
                db.execute(statement)
        if version < 4:
            for statement in _MERGED.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {SCHEMA}")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _is_new(db: sqlite3.Connection, path: Path) -> bool:
    """Return whether the file is empty.

    Raises:
        ValueError: it holds anything but an event log, or a log of a newer mmrec.
    """
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = _version(db)
    if application == 0 and db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        return True
    if application != APPLICATION:
        raise ValueError(f"{path}: expected an event log of mmrec; got another SQLite database")
    if not 1 <= version <= SCHEMA:
        raise ValueError(
            f"{path}: expected an event log of version 1 to {SCHEMA}; got version {version}, which "
            "needs a newer mmrec"
        )
    return False


def _use_wal(db: sqlite3.Connection, path: Path) -> None:
    until = monotonic() + WAIT
    while True:
        try:
            mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.OperationalError as error:  # SQLite doesn't wait for its lock here
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > until:
                raise
            sleep(0.01)
    if mode != "wal":
        raise ValueError(f"{path}: expected a file on a local disk; got one that can't have a WAL")
