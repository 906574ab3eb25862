"""Conditions on the rows of a table, such as ``price < 20 and category in (lamp, chair)``."""

import math
import time
from dataclasses import dataclass, field

import polars as pl

from mmrec.data.conditions.columns import Columns, Schema
from mmrec.data.conditions.compile import compile_test
from mmrec.data.conditions.nodes import Test, columns_of
from mmrec.data.conditions.parser import Parser
from mmrec.data.conditions.tokens import shortened
from mmrec.data.conditions.values import Values


@dataclass(frozen=True)
class Condition:
    """A condition that was read, see :func:`parse_condition`.

    Attributes:
        test: what it states. ``str`` of a condition is a text that states the same.
        text: how it was written.
    """

    test: Test
    text: str = field(default="", compare=False)

    def __str__(self) -> str:
        return str(self.test)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that it uses, in the order of their first use."""
        return tuple(columns_of(self.test))

    def expression(
        self, table: pl.DataFrame | Schema | Columns, at: float | None = None
    ) -> pl.Expr:
        """Return the condition as a polars expression, True or False for each row.

        A row without a value in a column that is compared is False, whatever the comparison.

        Args:
            table: the frame that it is for; or its schema, from which columns of text can't be
                compared with numbers, dates or truth values.
            at: the time that ages refer to, in unix seconds; now by default.

        Raises:
            ValueError: a column is unknown, or doesn't hold what it is compared with.

        Example:
            >>> events = pl.DataFrame({"watch_seconds": [3, 50], "duration": [60, 60]})
            >>> skipped = parse_condition("watch_seconds / duration < 0.1")
            >>> events.select(skipped.expression(events).alias("skipped"))["skipped"].to_list()
            [True, False]
        """
        at = time.time() if at is None else at
        if not math.isfinite(at):
            raise ValueError(f"at must be a time in unix seconds; got {at}")
        columns = table if isinstance(table, Columns) else Columns(table)
        values = Values(columns, float(at), self.text)
        return compile_test(self.test, values).fill_null(False)


def parse_condition(text: str) -> Condition:
    """Read a condition.

    .. code-block:: text

        price < 20 and category in (lamp, "floor lamp")
        10 <= price < 20          price between 10 and 20       not (price > 20 or in_stock)
        watch_seconds / duration < 0.1                          title is not null
        released >= 2024-05-01    age(created_at) < 6h          sizes has XL

    A word alone after ``=``, ``!=``, ``has`` or ``contains``, or in a list, is a text; elsewhere it
    is a column. A name in backticks is always a column, and what is in quotes always a text.

    Raises:
        ValueError: the text is not a condition; the message marks the place.

    Example:
        >>> condition = parse_condition("rating<=2 or not finished")
        >>> condition.columns, str(condition)
        (('rating', 'finished'), 'rating <= 2 or (not finished)')
    """
    if not isinstance(text, str):
        raise ValueError(f"a condition must be text; got {text!r}")
    condition = Condition(Parser(text).condition(), text)
    if not condition.columns:
        raise ValueError(f"a condition must name a column, on the left; got {shortened(text)}")
    return condition
