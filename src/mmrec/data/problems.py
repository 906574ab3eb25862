"""Problems of tables: all of them in one error, with the rows that have them."""

from types import TracebackType

import polars as pl

from mmrec.data.file_lines import lines_of


class DataError(ValueError):
    """Data that can't be used.

    Attributes:
        problems: a sentence for each problem.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = list(problems)
        several = [f"({number}) {text}" for number, text in enumerate(self.problems, 1)]
        head = f"{len(several)} problems: "
        super().__init__(head + "; ".join(several) if len(several) > 1 else self.problems[0])


class Problems:
    """Collects errors, so that someone with several mistakes in a table reads of all at once.

    Example:
        >>> problems = Problems()
        >>> for text in ("1", "x", "y"):
        ...     with problems:
        ...         number = int(text)
        >>> problems.check()
        Traceback (most recent call last):
        ...
        mmrec.data.problems.DataError: 2 problems: (1) invalid literal for int() ... 'x'; (2) ...
    """

    def __init__(self) -> None:
        self.found: list[str] = []

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        if not isinstance(error, ValueError):
            return False
        self.found += error.problems if isinstance(error, DataError) else [str(error)]
        return True

    def check(self) -> None:
        """Raise what was found.

        Raises:
            DataError: something was found.
        """
        if self.found:
            raise DataError(self.found)


def first_rows(wrong: pl.Series, what: str, values: pl.Series | None = None) -> str:
    """Return the first rows of a mask, and the values that they hold, for a message.

    Rows of a file are told by their lines, see :func:`mmrec.data.file_lines.files_noted`.

    Args:
        wrong: which rows are meant.
        what: name of the rows, such as ``"items"``.
        values: the values of all rows, if they are told.

    Example:
        >>> first_rows(pl.Series([True, False, True]), "items")
        'rows [0, 2] (counted from 0, a header not counted)'
        >>> first_rows(pl.Series([True] * 9), "items", pl.Series(range(9)))
        "9 rows, first [0, 1, 2] (counted from 0, a header not counted), hold '0', '1', '2'"
    """
    rows = wrong.arg_true()
    first = rows.head(3).to_list()
    few = len(rows) == len(first)
    kind, numbers, end = "rows", first, " (counted from 0, a header not counted)"
    if (of_file := lines_of(what, first)) is not None:
        kind, numbers, end = "lines", of_file[0], f" of {of_file[1]}"
    where = f"{kind} {numbers}" if few else f"{len(rows):,} {kind}, first {numbers}"
    where += end
    if values is None:
        return where
    found = ["null" if values[row] is None else f"'{values[row]}'" for row in first]
    return f"{where}{' ' if few else ', '}hold {', '.join(found)}"
