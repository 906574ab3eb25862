"""Values of events and items that are stored, although they can't be: a negative watch time."""

from collections.abc import Iterable, Mapping
from typing import Any

from mmrec.data.event_rules import NEVER_BELOW_ZERO
from mmrec.data.times import EARLY
from mmrec.data.wording import counted, verb


def early_times(times: Iterable[float | None]) -> str | None:
    """Return how many events came before 1980; None if none did.

    Args:
        times: unix seconds; None for now.

    Example:
        >>> early_times([1.0, None, 9e8])
        '1 event came before 1980; times are unix seconds'
    """
    many = sum(at is not None and at < EARLY for at in times)
    return f"{counted(many, 'event')} came before 1980; times are unix seconds" if many else None


def below_zero(values: Iterable[Mapping[str, Any] | None]) -> str | None:
    """Return how many watch times and durations of events are below 0; None if none is.

    Args:
        values: the columns of each event.

    Example:
        >>> below_zero([{"watch_seconds": -5}, {"watch_seconds": 5}, None])
        '1 value of watch_seconds is below 0'
    """
    counts = dict.fromkeys(NEVER_BELOW_ZERO, 0)
    for columns in values:
        for name in counts.keys() & (columns or {}).keys():
            counts[name] += _number((columns or {})[name]) < 0
    said = [
        f"{counted(many, 'value')} of {name} {verb(many, 'is', 'are')} below 0"
        for name, many in counts.items()
        if many
    ]
    return "; ".join(said) or None


def _number(value: Any) -> float:
    """Return a number, also one that is written as text; 0 for anything else."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
