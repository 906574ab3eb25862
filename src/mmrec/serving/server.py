"""Running the application with uvicorn."""

import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Thread
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI

from mmrec.realtime import RealtimeRecommender, Versions, import_history
from mmrec.serving.app import create_app
from mmrec.serving.follower import Follower
from mmrec.serving.settings import Settings

log = logging.getLogger(__name__)


def serve(
    settings: Settings,
    *,
    ready: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = log.info,
) -> None:
    """Serve until the process gets a signal to stop; then answer the last requests and return.

    Args:
        settings: what to serve, and where.
        ready: is called when the RUN has been read.
        say: is called with a line on the events that were imported, if there is a history.

    Raises:
        FileNotFoundError: there is no such RUN or history.
        ValueError: the RUN, the log or the history is damaged, what holds for every list
            can't be applied, or the port is in use.
    """
    check_port(settings.host, settings.port)  # before anything is written
    if settings.workers > 1 or settings.where or settings.at_most:
        settings.check()  # so too; and a failing worker restarts without end
    if settings.history is not None:  # once, not in each worker
        key = None if settings.user_key is None else settings.user_key.encode()
        report = import_history(
            settings.run,
            settings.history,
            settings.log,
            columns=settings.columns,
            time_unit=settings.time_unit,
            user_key=key,
        )
        say(f"history {settings.history}: {report}")
    common: dict[str, Any] = {"host": settings.host, "port": settings.port, "log_level": "warning"}
    if settings.workers == 1:
        app = make_app(settings)
        ready()
        uvicorn.run(app, timeout_graceful_shutdown=10, **common)
        return
    ready()
    settings.to_environment()
    uvicorn.run(
        "mmrec.serving.server:worker",
        factory=True,
        workers=settings.workers,
        timeout_graceful_shutdown=10,
        **common,
    )


def check_port(host: str, port: int) -> None:
    """Check that a server can listen on a port; with 0, the system chooses one.

    Raises:
        ValueError: it can't.
    """
    family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise ValueError(
                f"port {port} of {host} must be free; got: {error.strerror}. "
                "Choose another one with --port"
            ) from error


def worker() -> FastAPI:
    """Return the application of a worker process; its settings are in the environment."""
    return make_app(Settings())


def make_app(settings: Settings) -> FastAPI:
    """Return the application for these settings; it closes its log when it stops."""
    # Several requests run at the same time, so more threads for one of them don't help.
    torch.set_num_threads(1)
    live = settings.open()
    versions = None if settings.versions is None else Versions(settings.versions)
    follower = Follower(live, versions)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        follower.start()
        if settings.warm_up:
            Thread(target=_warm_up, args=(live,), name="mmrec-warm-up", daemon=True).start()
        yield
        follower.stop()
        live.log.close()

    return create_app(
        live,
        limits=settings.limits,
        token=settings.token,
        host=settings.host,
        readers=settings.readers,
        lifespan=running,
    )


def _warm_up(live: RealtimeRecommender) -> None:
    """Load the encoders of new items; what fails is logged, and tried again when they come."""
    try:
        live.warm_up()
    except Exception as error:  # of any kind: what is served needs no encoder
        log.warning("the encoders of new items can't be loaded now: %s", error)
