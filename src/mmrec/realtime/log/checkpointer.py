"""Moving a log's WAL into its file without delaying writers."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread

from mmrec.realtime.log.sqlite_file import Durability, connect

_EVERY = 2000  # events; the WAL grows by about 20 kB with each of them


class Checkpointer:
    """Moves the WAL into the file in a thread, every 2,000 events.

    By default SQLite makes the writer that fills the WAL wait for the disk twice, which is most of
    the 99th percentile of a write. Here most of the WAL is moved while writers continue. They wait
    only while the rest is moved, after which the WAL starts again at its beginning.

    Args:
        path: the file of the log.
        durability: the durability of its writer.
        writing: the lock that the writers of this process hold.
    """

    def __init__(self, path: Path, durability: Durability, writing: Lock) -> None:
        self._path, self._durability, self._writing = path, durability, writing
        self._thread: Thread | None = None
        self._wake = Event()
        self._closed = False
        self._written = 0

    def wrote(self, events: int) -> None:
        """Count committed events. The caller holds the lock."""
        self._written += events
        if self._written >= _EVERY and not self._closed:
            self._written = 0
            if self._thread is None:
                self._thread = Thread(target=self._run, name="mmrec log checkpoints", daemon=True)
                self._thread.start()
            self._wake.set()

    def close(self) -> None:
        """Stop the thread. The caller doesn't hold the lock."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        db = connect(self._path, self._durability)
        try:
            while self._wake.wait() and not self._closed:
                self._wake.clear()
                with suppress(sqlite3.Error):  # nothing is lost; the WAL stays longer
                    db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                    db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                    with self._writing:
                        db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        finally:
            db.close()
