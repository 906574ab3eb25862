"""Columns of a table that is searched again and again, as the catalogue of a service is."""

import polars as pl

from mmrec.data.conditions.columns import Columns, Kind


class ParsedColumns(Columns):
    """The columns of a frame that is searched often: each text column is parsed once.

    Args:
        frame: the frame.

    Example:
        >>> columns = ParsedColumns(pl.DataFrame({"price": ["9.50", ""]}))
        >>> columns.select(columns.read("price", "number")).to_series().to_list()
        [9.5, None]
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        super().__init__(frame)
        self.rows = frame
        self._parsed: dict[str, pl.Series] = {}

    def holds_truths(self, name: str) -> bool:
        """Return whether a text column holds truth values alone."""
        # Most columns hold other texts, which is found faster than what they hold.
        return self.first_unlike(name, "boolean") is None and self.holds(name) == "boolean"

    def read_text(self, name: str, kind: Kind) -> pl.Expr:
        """Return a column that :meth:`select` knows."""
        key = f"{name}\0{kind}"  # no name of a column
        if key not in self._parsed:
            expression = super().read_text(name, kind)
            self._parsed[key] = self.rows.select(expression.alias(key)).to_series()
        return pl.col(key)

    def select(self, expression: pl.Expr) -> pl.DataFrame:
        """Return what an expression over the columns gives."""
        return self.rows.with_columns(list(self._parsed.values())).select(expression)
