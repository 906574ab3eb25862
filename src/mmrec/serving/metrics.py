"""Figures for Prometheus."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from starlette.requests import Request

from mmrec.realtime import RealtimeRecommender

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """How long requests take, how many there are, and how large the service is.

    Args:
        live: the recommender that is measured.
    """

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, live: RealtimeRecommender) -> None:
        # A registry of its own: two applications in one process don't meet.
        self.registry = CollectorRegistry()
        self.seconds = Histogram(
            "mmrec_request_seconds",
            "Seconds from a request to its answer.",
            ["route", "method"],
            registry=self.registry,
            buckets=BUCKETS,
        )
        sizes = {
            "items": ("Items that can be recommended.", lambda: float(live.available.sum())),
            "log_offset": ("The last event of the log.", lambda: float(live.log.last_offset)),
            "sessions": ("Users whose interest is at hand.", lambda: float(len(live.sessions))),
        }
        for name, (text, value) in sizes.items():
            Gauge(f"mmrec_{name}", text, registry=self.registry).set_function(value)

    @contextmanager
    def timed(self, request: Request) -> Iterator[None]:
        """Time a request, under the name of its route: paths may hold ids."""
        start = time.perf_counter()
        try:
            yield
        finally:
            route = getattr(request.scope.get("route"), "path", "other")
            self.seconds.labels(route, request.method).observe(time.perf_counter() - start)

    def text(self) -> bytes:
        """Return the figures in Prometheus' format."""
        return generate_latest(self.registry)
