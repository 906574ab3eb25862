"""The seconds that each part of a run takes."""

import time


class Clock:
    """Seconds between laps, by name; laps of one name are added.

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
        """Add the seconds since the last lap to those of ``name``."""
        now = time.perf_counter()
        self.seconds[name] = round(self.seconds.get(name, 0.0) + now - self._last, 1)
        self._last = now
