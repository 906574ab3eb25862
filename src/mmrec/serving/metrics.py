"""Metrics for Prometheus."""

import time

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmrec.realtime import RealtimeRecommender

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PUT")


class Metrics:
    """Durations and numbers of requests, and sizes of the service.

    Args:
        live: the recommender.
    """

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, live: RealtimeRecommender) -> None:
        # Not the global registry: two applications in one process must not share metrics.
        self.registry = CollectorRegistry()
        self.seconds = Histogram(
            "mmrec_request_seconds",
            "Seconds from a request to its answer.",
            ["route", "method", "status"],
            registry=self.registry,
            buckets=BUCKETS,
        )
        sizes = {
            "items": ("Items that can be recommended.", lambda: float(live.available.sum())),
            "log_offset": ("The last event of the log.", lambda: float(live.log.last_offset)),
            "sessions": ("Users whose session is stored.", lambda: float(len(live.sessions))),
        }
        for name, (text, value) in sizes.items():
            Gauge(f"mmrec_{name}", text, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """Return the metrics in the format of Prometheus."""
        return generate_latest(self.registry)


class Timed:
    """ASGI middleware that times every request, including refused ones.

    Args:
        app: the application.
        metrics: where durations are recorded.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and record its duration."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, start = 500, time.perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            # Clients choose paths and methods; a label for each of them could fill the memory.
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in METHODS else "other"
            seconds = time.perf_counter() - start
            self.metrics.seconds.labels(route, method, status).observe(seconds)
