"""Values of events and items that are stored, although they can't be: a negative watch time."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from mmrec.data.event_rules import NEVER_BELOW_ZERO
from mmrec.data.plain_names import DURATIONS, has_word
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
    """Return how many values of events are durations below 0, by column; None if none is.

    Args:
        values: the columns of each event.

    Example:
        >>> below_zero([{"dwell_s": -3}, {"dwell_s": 4, "rating": -1}, None])
        '1 value of dwell_s is below 0; rules of events read it as it is'
    """
    found = Counter(
        name
        for columns in values
        for name, value in (columns or {}).items()
        if _number(value) < 0 and (name in NEVER_BELOW_ZERO or has_word(name, DURATIONS))
    )
    said = [f"{counted(many, 'value')} of {name}" for name, many in found.items()]
    if not said:
        return None
    many = found.total()
    read = verb(many, "it as it is", "them as they are")
    return f"{' and '.join(said)} {verb(many, 'is', 'are')} below 0; rules of events read {read}"


def _number(value: Any) -> float:
    """Return a number, also one that is written as text; 0 for anything else."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
