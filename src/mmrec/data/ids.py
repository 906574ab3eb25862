"""Ids of users and items: how a column is read, and which ways of writing an id are the same.

An id is text or an integer. The integer 7, the text ``"7"`` and the text ``"7.0"``, which pandas
writes where a column had gaps, are one id. The text ``"007"`` is another one.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from types import MappingProxyType

import numpy as np
import polars as pl

from mmrec.data.problems import DataError, first_rows
from mmrec.data.wording import counted

ItemId = str | int
"""The id of an item, as a catalogue has it."""

GivenId = ItemId | float | np.generic
"""An id as a caller may write it: also a NumPy scalar, or a whole number in floating point."""

_EXACT: dict[object, int] = {pl.Float16: 2**11, pl.Float32: 2**24, pl.Float64: 2**53}
"""Floating point holds every integer below this; a larger id may have lost digits."""

_NUMBER = re.compile(r"(0|-?[1-9][0-9]{0,18})(\.0)?", re.ASCII)


class IdIndex(dict[GivenId, int]):
    """Numbers by id, from 1. ``index[item]`` is 0 for an unknown id.

    An id that is written in another way is found, too, unless it could be several ids: 7 is not
    found if there are both ``"7"`` and ``"007"``. ``in`` and ``get`` know ids as they were added.

    Attributes:
        padded: the ids that begin with zeros, by what follows the zeros.

    Example:
        >>> index = IdIndex().with_ids(["7", "lamp"])
        >>> index["7"], index[7], index["7.0"], index["007"]
        (1, 1, 1, 0)
    """

    padded: Mapping[str, ItemId] = MappingProxyType({})

    def __missing__(self, item: GivenId) -> int:
        found = [form for form in forms(item) if form in self]
        return self[found[0]] if len(found) == 1 and found[0] not in self.padded else 0

    def with_ids(self, ids: Iterable[ItemId]) -> "IdIndex":
        """Return an index that also has other ids, with the next numbers.

        Example:
            >>> IdIndex().with_ids(["a", "b"]).with_ids(["c"])
            {'a': 1, 'b': 2, 'c': 3}
        """
        new: dict[GivenId, int] = dict(zip(ids, count(len(self) + 1)))
        index = IdIndex(self)
        index.update(new)
        zeros = [text for text in new if isinstance(text, str) and text[:1] == "0" and text != "0"]
        index.padded = {**self.padded, **{text.lstrip("0") or "0": text for text in zeros}}
        return index

    def alike(self, item: GivenId) -> list[ItemId]:
        """Return the ids that an unknown one may be mistaken for.

        Example:
            >>> IdIndex().with_ids(["7", "007"]).alike(7), IdIndex().with_ids([7]).alike("007")
            (['7', '007'], [7])
        """
        same = forms(item)
        padded = [self.padded[str(form)] for form in same[1:] if form in self.padded]
        short = forms(item.strip().lstrip("0") or "0") if isinstance(item, str) else []
        others = dict.fromkeys([*same, *padded, *short])
        return [form for form in others if form in self]


def forms(item: GivenId) -> list[ItemId]:
    """Return all ways to write a number: as an integer and as two texts; none for other ids.

    Example:
        >>> forms("7"), forms(np.int64(7)), forms(7.0), forms("007"), forms(True)
        ([7, '7', '7.0'], [7, '7', '7.0'], [7, '7', '7.0'], [], [])
    """
    if isinstance(item, np.generic):
        item = item.item()
    number: object = item
    if isinstance(item, str):
        match = _NUMBER.fullmatch(item)
        number = int(match[1]) if match else None
    elif isinstance(item, float):
        number = int(item) if item.is_integer() and abs(item) < 2**53 else None
    if not isinstance(number, int) or isinstance(number, bool):
        return []
    return [number, str(number), f"{number}.0"]


def as_integer(text: str) -> int | None:
    """Return the integer that a text is, None if it is none; ``"007"`` is none."""
    same = forms(text)
    return int(same[0]) if same else None


def check_ids(frame: pl.DataFrame, column: str, what: str) -> pl.DataFrame:
    """Return ``frame`` with ``column`` converted to text or 64-bit integers.

    Whole numbers in floating point become integers.

    Raises:
        DataError: an id is missing or empty, or is no whole number; the message names each kind.
        ValueError: ids are neither text nor integers.

    Example:
        >>> check_ids(pl.DataFrame({"id": [7.0, 8.0]}), "id", "items")["id"].to_list()
        [7, 8]
    """
    ids, wrong = read_ids(frame[column], what)
    if wrong:
        raise DataError(wrong)
    return frame.with_columns(ids)


def read_ids(ids: pl.Series, what: str, *, unique: bool = False) -> tuple[pl.Series, list[str]]:
    """Return ids as text or 64-bit integers, null where one is wrong, and what is wrong.

    Args:
        ids: the ids.
        what: name of the rows for messages.
        unique: whether an id must not occur twice.

    Returns:
        the ids, and a sentence for each kind of wrong ones.

    Raises:
        ValueError: ids are neither text nor integers.

    Example:
        >>> ids, wrong = read_ids(pl.Series("id", ["a", "", "a"]), "items", unique=True)
        >>> ids.to_list(), len(wrong)
        (['a', None, 'a'], 2)
    """
    wrong: list[str] = []
    name = ids.name
    if ids.dtype in (pl.Categorical, pl.Enum):
        ids = ids.cast(pl.String)
    if ids.dtype == pl.String:
        ids = ids.set((ids.str.strip_chars() == "").fill_null(False), None)
    elif not ids.dtype.is_numeric():
        raise ValueError(f"{what}: {name} must be text or integers; got {ids.dtype}")
    if (empty := ids.is_null() | _is_nan(ids)).any():
        wrong.append(
            f"{what}: {name} must not be empty; got empty ones in {first_rows(empty, what)}"
        )
    if ids.dtype.is_integer():
        given, ids = ids, ids.cast(pl.Int64, strict=False)
        if (large := ids.is_null() & ~empty).any():
            wrong.append(
                f"{what}: {name} must be below 2**63; got {given.filter(large)[0]} in "
                f"{first_rows(large, what)}"
            )
    elif ids.dtype != pl.String:
        ids, odd = _whole(ids, empty, what)
        wrong += odd
    if unique:
        wrong += _repeated(ids, what)
    return ids, wrong


def _is_nan(ids: pl.Series) -> pl.Series:
    if not ids.dtype.is_float():
        return pl.repeat(False, len(ids), eager=True)
    return ids.is_nan().fill_null(False)


def _whole(ids: pl.Series, empty: pl.Series, what: str) -> tuple[pl.Series, list[str]]:
    """Return floating-point or decimal ids as integers, null where one is wrong, and the reasons.

    NaN becomes null.
    """
    expected = f"{what}: {ids.name} must be text or integers"
    limit, wrong = _EXACT.get(ids.dtype.base_type()), []
    values = ids if limit is None else ids.cast(pl.Float64).fill_nan(None)
    integers = values.cast(pl.Int64, strict=False)
    odd = ~empty & (integers != values).fill_null(True)
    if odd.any():
        wrong.append(f"{expected}; {first_rows(odd, what, values)}")
    large = pl.repeat(False, len(ids), eager=True)
    if limit is not None:
        large = ~odd & (values.abs() >= limit).fill_null(False)
    if large.any():
        wrong.append(
            f"{expected}: in floating point, ids from {limit:,} on may have lost digits; "
            f"{first_rows(large, what, values)}"
        )
    return integers.set(odd | large, None), wrong


def check_unique(ids: pl.Series, what: str) -> None:
    """Raise a ``ValueError`` if an id occurs twice; it names the first few."""
    if wrong := _repeated(ids, what):
        raise DataError(wrong)


def _repeated(ids: pl.Series, what: str) -> list[str]:
    """Return that ids occur twice, and which; empty if none does."""
    again = ids.is_duplicated() & ids.is_not_null()
    if not again.any():
        return []
    twice = ids.filter(again).unique(maintain_order=True)
    return [
        f"{what}: {ids.name} must be unique; got {counted(len(twice), 'id')} more than once, "
        f"first {twice.head(3).to_list()} in {first_rows(again, what)}"
    ]


def find_ids(ids: pl.Series, known: pl.Series, find: Callable[[GivenId], int]) -> pl.Series:
    """Return ids as they are written in ``known``; null where an id is not among them.

    Args:
        ids: the ids; one that is null is not found.
        known: all known ids; the id of number ``n`` is in row ``n - 1``.
        find: returns the number of an id, 0 if it is unknown.

    Example:
        >>> known, index = pl.Series(["8", "7"]), IdIndex().with_ids(["8", "7"])
        >>> find_ids(pl.Series([7, 7, 9]), known, index.__getitem__).to_list()
        ['7', '7', None]
    """
    cast = ids.cast(known.dtype, strict=False)
    if (cast.is_in(known.implode()) & _same(cast, ids, known)).all():
        return cast
    given = ids.drop_nulls().unique(maintain_order=True)
    numbers = [find(item) for item in given.to_list()]
    rows = pl.Series([number - 1 if number else None for number in numbers], dtype=pl.Int64)
    written = known.gather(rows).alias(ids.name)
    return ids.replace_strict(given, written, default=None, return_dtype=known.dtype)


def _same(cast: pl.Series, ids: pl.Series, known: pl.Series) -> pl.Series:
    """Return which ids are surely the same after a cast to the type of the known ones."""
    if ids.dtype == known.dtype:
        return pl.repeat(True, len(ids), eager=True)
    if known.dtype == pl.String:  # 7 may be "007" or "7.0", too
        clear = not known.str.contains(r"^0.|\.0$").any()
        return pl.repeat(clear, len(ids), eager=True)
    return cast.cast(pl.String).eq(ids).fill_null(False)  # "007" is not 7


def in_form_of(ids: pl.Series, known: pl.Series, what: str) -> pl.Series:
    """Return ids, most of them new, with the type of ``known``.

    Raises:
        ValueError: ``known`` are integers, and a text is none.

    Example:
        >>> in_form_of(pl.Series("item_id", [9]), pl.Series(["7"]), "items").to_list()
        ['9']
    """
    if ids.dtype == known.dtype:
        return ids
    if known.dtype == pl.String:
        return ids.cast(pl.String)
    numbers = pl.Series(ids.name, [as_integer(text) for text in ids.to_list()], dtype=pl.Int64)
    if (bad := numbers.is_null()).any():
        raise ValueError(
            f"{what}: {ids.name} must be integers, as they are so far; {first_rows(bad, what, ids)}"
        )
    return numbers
