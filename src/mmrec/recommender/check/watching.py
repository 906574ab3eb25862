"""Times of events that can't be: below zero, longer than the item, or divided by zero."""

from collections.abc import Iterable

import polars as pl

from mmrec.data import Catalog, Interactions
from mmrec.data.conditions.columns import Columns, kind_of
from mmrec.data.conditions.nodes import Arithmetic, Column, nodes_of
from mmrec.data.event_rules import NEVER_BELOW_ZERO
from mmrec.data.plain_names import DURATIONS, has_word
from mmrec.data.rule_conditions import condition_of
from mmrec.data.wording import counted, verb
from mmrec.recommender.check.finding import Finding, warning
from mmrec.recommender.check.signals import TIMES, with_duration

TOO_LONG = 1.5
"""Times its duration from which an item was surely not watched at once."""


def watching_findings(
    log: Interactions, catalog: Catalog | None, rules: Iterable[str]
) -> list[Finding]:
    """Return how many events have a time that can't be.

    Args:
        log: the events.
        catalog: the items, whose ``duration`` is taken where events have none.
        rules: the rules of events; conditions may divide by a column.

    Example:
        >>> log = {"user_id": [*"uv"], "item_id": [*"ab"], "watched": [-3, 99], "duration": [0, 60]}
        >>> log = Interactions(log | {"position": [0, 1]})
        >>> for one in watching_findings(log, None, ["watched / duration >= 0.7"]):
        ...     print(one.text)
        1 value of watched of the events is below 0
        1 value of watched is more than 1.5 times the duration of its item
        the rule 'watched / duration >= 0.7' divides by duration, which is 0 in 1 event
    """
    frame = log.frame if catalog is None else with_duration(log.frame, catalog.frame)
    numbers = {name: one for name in NEVER_BELOW_ZERO if (one := _numbers(frame, name)) is not None}
    of_events = {name: one for name, one in numbers.items() if name in log.frame.columns}
    return (
        _below_zero(of_events | _other_durations(log.frame))
        + _too_long(numbers)
        + _zeros(log.frame, rules)
    )


def _numbers(frame: pl.DataFrame, name: str) -> pl.Series | None:
    """Return a column as numbers; None if it holds none, or is missing."""
    columns = Columns(frame)
    if name not in frame.columns or kind_of(frame.schema[name]) is None:
        return None
    if columns.holds(name) != "number":
        return None
    return frame.select(columns.read(name, "number").cast(pl.Float64)).to_series()


def _other_durations(frame: pl.DataFrame) -> dict[str, pl.Series]:
    """Return columns whose names say that they are durations, such as ``dwell_s``.

    Where half of the values or more are below 0, the name means something else.
    """
    named = [n for n in frame.columns if n not in NEVER_BELOW_ZERO and has_word(n, DURATIONS)]
    found = {name: one for name in named if (one := _numbers(frame, name)) is not None}
    return {name: one for name, one in found.items() if (one < 0).sum() < (one >= 0).sum()}


def _below_zero(numbers: dict[str, pl.Series]) -> list[Finding]:
    return [
        warning(
            "times_below_zero",
            len(wrong),
            f"{counted(len(wrong), 'value')} of {name} of the events "
            f"{verb(len(wrong), 'is', 'are')} below 0",
            "Correct them, or leave them empty: rules of events read them as they are.",
            wrong,
        )
        for name, column in numbers.items()
        if len(wrong := column.filter(column < 0))
    ]


def _too_long(numbers: dict[str, pl.Series]) -> list[Finding]:
    """Find times that are much longer than the item."""
    duration = numbers.get("duration")
    if duration is None:
        return []
    longest = TOO_LONG * duration.set((duration < 0).fill_null(False), None)
    times = [name for name in numbers if any(word in name for word in TIMES)]
    return [
        warning(
            "longer_than_item",
            len(wrong),
            f"{counted(len(wrong), 'value')} of {name} {verb(len(wrong), 'is', 'are')} more than "
            f"{TOO_LONG} times the duration of {verb(len(wrong), 'its item', 'their items')}",
            "Is one of them in another unit, or was the page left open? Rules such as "
            f"'{name} / duration >= 0.7' read them as they are.",
            wrong,
        )
        for name in times
        if len(wrong := numbers[name].filter((numbers[name] > longest).fill_null(False)))
    ]


def _zeros(frame: pl.DataFrame, rules: Iterable[str]) -> list[Finding]:
    """Find rules that divide by a column in which there are zeros."""
    found = []
    for rule in rules:
        for name in _divisors(rule):
            numbers = _numbers(frame, name)
            many = 0 if numbers is None else int((numbers == 0).sum())
            if many:
                found.append(
                    warning(
                        "division_by_zero",
                        many,
                        f"the rule {rule!r} divides by {name}, which is 0 in "
                        f"{counted(many, 'event')}",
                        "The quotient counts as empty, so that the comparison fits none of these.",
                    )
                )
    return found


def _divisors(rule: str) -> list[str]:
    """Return the columns by which a rule divides."""
    if (condition := condition_of(rule)) is None:
        return []
    return [
        node.right.name
        for node in nodes_of(condition.test)
        if isinstance(node, Arithmetic) and node.operator == "/" and isinstance(node.right, Column)
    ]
