"""Events whose time lies ahead of the clock."""

import time
from collections.abc import Iterable

from mmrec.data.wording import counted, duration, verb

AHEAD = 60.0
"""Seconds that clocks may differ by."""


def ahead_of_clock(times: Iterable[float | None], now: float | None = None) -> str | None:
    """Return how many times are later than now, and by how much; None if none is.

    Args:
        times: unix seconds; None for now.
        now: unix seconds; by default the time of this machine's clock.

    Example:
        >>> ahead_of_clock([8e8, 9e8 + 7200.0, None], 9e8)
        "1 event is later than this machine's clock, by up to 2 hours; times are unix seconds"
    """
    now = time.time() if now is None else now
    late = [at - now for at in times if at is not None and at - now > AHEAD]
    if not late:
        return None
    return (
        f"{counted(len(late), 'event')} {verb(len(late), 'is', 'are')} later than this machine's "
        f"clock, by up to {duration(max(late))}; times are unix seconds"
    )
