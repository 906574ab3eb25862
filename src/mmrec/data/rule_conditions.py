"""How a rule of events is read: the name of an event type, or a condition."""

import re
from collections.abc import Iterable
from functools import lru_cache

import polars as pl

from mmrec.data.conditions import Condition, parse_condition

_OPERATOR = re.compile(r"[<>=!]|\b(?:in|is|between|has|contains)\b")


@lru_cache(1024)  # rules are read again for each live event
def condition_of(rule: str) -> Condition | None:
    """Return the condition of a rule; None if it is the name of an event type.

    Raises:
        ValueError: the condition can't be read.

    Example:
        >>> condition_of("rating <= 2").columns, condition_of("skip")
        (('rating',), None)
    """
    return parse_condition(rule) if _OPERATOR.search(rule) else None


def unmatched_conditions(rules: Iterable[str], frame: pl.DataFrame) -> list[str]:
    """Return the rules that are conditions and fit no event.

    Conditions on columns that the events lack are left out.

    Args:
        rules: the rules, as they were written.
        frame: the events.

    Raises:
        ValueError: a condition can't compare the values of a column.

    Example:
        >>> unmatched_conditions(["qty < 0", "qty > 1", "skip"], pl.DataFrame({"qty": [1, 2]}))
        ['qty < 0']
    """
    conditions = {rule: one for rule in rules if (one := condition_of(rule)) is not None}
    known = {rule: c for rule, c in conditions.items() if set(c.columns) <= set(frame.columns)}
    fits = frame.select(c.expression(frame).any().alias(rule) for rule, c in known.items())
    return [rule for rule in known if not fits[rule].item()]
