"""The seconds that each part of a run takes."""

import time


class Clock:
    """Seconds between laps, by name.

    Example:
        >>> clock = Clock()
        >>> clock.lap("encode")
        >>> clock.seconds
        {'encode': 0.0}
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Record the seconds since the last lap under ``name``."""
        now = time.perf_counter()
        self.seconds[name] = round(now - self._last, 1)
        self._last = now
