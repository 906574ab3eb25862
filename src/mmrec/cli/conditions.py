"""Conditions as they are typed in a shell."""

import polars as pl

from mmrec.data import Catalog, Condition, Where, parse_condition
from mmrec.data.conditions import is_not_flat
from mmrec.data.conditions.nodes import AnyOf, Column, Comparison, Test, Text


def conditions_of(texts: list[str] | None, catalog: Catalog) -> list[Where]:
    """Return the conditions that ``--where`` states; all must hold.

    ``column=value`` given several times for one column allows each of the values. Its value needs
    no quotes if an item has it: ``'title=A brass lamp'``.

    Raises:
        ValueError: a text is not a condition.

    Example:
        >>> catalog = Catalog({"item_id": [1, 2], "title": ["A lamp", "A chair"]})
        >>> [str(one) for one in conditions_of(["title=A lamp", "title=A chair"], catalog)]
        ['title = "A lamp" or title = "A chair"']
    """
    same: dict[str, list[Condition]] = {}
    for number, text in enumerate(texts or []):
        condition = _condition(text, catalog)
        same.setdefault(_column_of_equal(condition.test) or f"\0{number}", []).append(condition)
    return [_any_of(conditions) for conditions in same.values()]


def _condition(text: str, catalog: Catalog) -> Condition:
    try:
        return parse_condition(text)
    except ValueError:
        column, equals, value = text.partition("=")
        name = column.strip()
        if not equals or name not in catalog.frame.columns or is_not_flat(catalog.frame[name]):
            raise
        if not (catalog.frame[name].cast(pl.String) == value.strip()).any():
            raise
        test = Comparison(Column(name), "=", Text(value.strip()))
        return Condition(test, str(test))


def _column_of_equal(test: Test) -> str | None:
    """Return the column of a condition ``column = value``; None for others."""
    if not isinstance(test, Comparison) or test.operator != "=":
        return None
    return test.left.name if isinstance(test.left, Column) else None


def _any_of(conditions: list[Condition]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]
    test = AnyOf(tuple(condition.test for condition in conditions))
    return Condition(test, " or ".join(condition.text for condition in conditions))
