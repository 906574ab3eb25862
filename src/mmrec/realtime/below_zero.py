"""Durations of live events that are below 0."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from mmrec.data.plain_names import DURATIONS, has_word
from mmrec.data.wording import counted, verb
from mmrec.realtime.log.event_types import Given


def below_zero(events: Iterable[Given]) -> str | None:
    """Return how many values of events are durations below 0, by column; None if none is.

    Args:
        events: the type of each event, and the values that it was sent with.

    Example:
        >>> below_zero([("view", {"dwell_s": -3}), ("view", {"dwell_s": 4, "rating": -1})])
        '1 value of dwell_s is below 0; rules of events read it as it is'
    """
    found = Counter(
        name
        for _, values in events
        for name, value in (values or {}).items()
        if _is_negative(value) and has_word(name, DURATIONS)
    )
    said = [f"{counted(many, 'value')} of {name}" for name, many in found.items()]
    if not said:
        return None
    many = found.total()
    read = verb(many, "it as it is", "them as they are")
    return f"{' and '.join(said)} {verb(many, 'is', 'are')} below 0; rules of events read {read}"


def _is_negative(value: Any) -> bool:
    try:
        return float(value) < 0
    except (TypeError, ValueError):
        return False
