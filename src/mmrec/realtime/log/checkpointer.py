"""Moving a log's WAL into its file, off the path of the writers."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread

from mmrec.realtime.log.sqlite_file import Durability, connect

_EVERY = 2000  # events; the WAL holds about 20 kB for each of them


class Checkpointer:
    """Move the WAL into the file in a thread, every 2,000 events.

    SQLite by itself makes the writer that fills the WAL wait for the disk twice, which is most of
    the 99th percentile of a write. Here the bulk moves while writers go on; only what they wrote
    meanwhile is moved while they wait, so that the WAL starts again at its beginning.

    Args:
        path: The file of the log.
        durability: That of its writer.
        writing: The lock that writers of this process hold.
    """

    def __init__(self, path: Path, durability: Durability, writing: Lock) -> None:
        self._path, self._durability, self._writing = path, durability, writing
        self._thread: Thread | None = None
        self._wake = Event()
        self._closed = False
        self._written = 0

    def wrote(self, events: int) -> None:
        """Count events that were committed; called with the lock held."""
        self._written += events
        if self._written >= _EVERY and not self._closed:
            self._written = 0
            if self._thread is None:
                self._thread = Thread(target=self._run, name="mmrec log checkpoints", daemon=True)
                self._thread.start()
            self._wake.set()

    def close(self) -> None:
        """Stop the thread; called without the lock."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        db = connect(self._path, self._durability)
        try:
            while self._wake.wait() and not self._closed:
                self._wake.clear()
                with suppress(sqlite3.Error):  # nothing is lost, the WAL only stays longer
                    db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                    db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                    with self._writing:
                        db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        finally:
            db.close()
