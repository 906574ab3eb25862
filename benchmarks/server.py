"""`mmrec serve` as a process of its own, and clients that load it."""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from mmrec.data import ItemId
from mmrec.realtime import NewEvent, SqliteLog

HOST = "127.0.0.1"
READY = 300.0
"""Seconds within which a server must answer."""


class Server:
    """`mmrec serve RUN` on a free port of the loopback interface.

    Args:
        run: folder of a trained RUN.
        log: file of the event log; what the server says is written beside it.
        more: further arguments.
    """

    def __init__(self, run: Path, log: Path, *more: str) -> None:
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port: int = free.getsockname()[1]
        script = "from mmrec.cli import main; main()"
        command = [sys.executable, "-c", script, "serve", str(run), "--log", str(log), *more]
        self.said = log.with_suffix(".said")
        environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(
                [*command, "--host", HOST, "--port", str(self.port)],
                stdout=said,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise

    def _wait(self) -> None:
        until = time.monotonic() + READY
        while self.process.poll() is None and time.monotonic() < until:
            try:
                self.ask("GET", "/health")
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"mmrec serve did not start: {self.said.read_text()[-2000:]}")

    def ask(self, *request: Any) -> bytes:
        """Return the answer to one request, over a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request(*request)
            return connection.getresponse().read()
        finally:
            connection.close()

    def kill(self) -> None:
        """End it at once, with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> bool:
        """Ask it to end, with SIGTERM; return whether it did so by itself and in order."""
        self.process.terminate()
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return code in (0, -signal.SIGTERM)  # uvicorn passes the signal on once it has stopped


class Sent(NamedTuple):
    """An event that a client sent; its offset once that was acknowledged, 0 before."""

    user: str
    item: ItemId
    id: str
    offset: int = 0

    def request(self) -> tuple[str, str, str, dict[str, str]]:
        """Return method, path, body and headers."""
        body = json.dumps({"user": self.user, "item": self.item, "id": self.id})
        return "POST", "/observe", body, {"Content-Type": "application/json"}


class Client(threading.Thread):
    """Observes an event and asks for the list that follows, again and again, until it is stopped.

    Its users are its own. It ends when the connection breaks, as when the server is killed.

    Attributes:
        acknowledged: the events whose offsets came back.
        pending: the event that was sent last, until it is acknowledged.
        lists: what each user's last request for a list was answered, if no event was sent since.
        observe, recommend: milliseconds of each request that was answered.
        errors: answers other than 200.
        broken: what broke the connection, if anything did.

    Args:
        port: of the server.
        name: of the client, in the names of its users and events.
        items: ids of the catalogue.
        users: how many users take turns.
    """

    def __init__(self, port: int, name: str, items: Sequence[ItemId], users: int = 20) -> None:
        super().__init__(name=name, daemon=True)
        self.port, self.items, self.users = port, items, users
        self.acknowledged: list[Sent] = []
        self.pending: Sent | None = None
        self.lists: dict[str, bytes] = {}
        self.observe: list[float] = []
        self.recommend: list[float] = []
        self.errors: list[str] = []
        self.broken: str | None = None
        self._draw = random.Random(name)
        self.ended = threading.Event()

    def run(self) -> None:
        """Send pairs of requests over one connection."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        number = 0
        try:
            while not self.ended.is_set() and not self.errors:
                self._pair(connection, number)
                number += 1
        except (OSError, http.client.HTTPException) as error:
            self.broken = repr(error)
        finally:
            connection.close()

    def _pair(self, connection: http.client.HTTPConnection, number: int) -> None:
        user = f"{self.name}-{number % self.users}"
        sent = Sent(user, self._draw.choice(self.items), f"{self.name}/{number}")
        self.pending = sent
        self.lists.pop(user, None)
        answer = self._ask(connection, self.observe, *sent.request())
        if answer is None:
            return
        self.acknowledged.append(sent._replace(offset=json.loads(answer)["offset"]))
        self.pending = None
        found = self._ask(connection, self.recommend, "GET", f"/recommend?user={user}&k=10")
        if found is not None:
            self.lists[user] = found

    def _ask(
        self, connection: http.client.HTTPConnection, taken: list[float], *request: Any
    ) -> bytes | None:
        began = time.perf_counter()
        connection.request(*request)
        response = connection.getresponse()
        body = response.read()
        taken.append(1000 * (time.perf_counter() - began))
        if response.status == 200:
            return body
        self.errors.append(f"{response.status}: {body[:200]!r}")
        return None


def item_ids(run: Path) -> list[ItemId]:
    """Return the item ids of a RUN."""
    return pl.read_parquet(run / "items.parquet", columns=["item_id"])["item_id"].to_list()


def lost(log: Path, acknowledged: Sequence[Sent]) -> list[Sent]:
    """Return the acknowledged events that the log doesn't hold as they were sent.

    An event that is sent again under its id gets the offset of the first; one that is not there
    would get another. So this asks the log for the ids too.
    """
    opened = SqliteLog(log)
    try:
        stored = {event.offset: (event.user, event.item) for event in opened.read()}
        missing = [
            sent for sent in acknowledged if stored.get(sent.offset) != (sent.user, sent.item)
        ]
        if missing:
            return missing
        offsets = opened.append_many([NewEvent(s.user, s.item, id=s.id) for s in acknowledged])
    finally:
        opened.close()
    return [s for s, offset in zip(acknowledged, offsets, strict=True) if s.offset != offset]
