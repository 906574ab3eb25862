"""The text of an item, built from its columns by a template."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

import polars as pl

from mmrec.data.cleaning import clean_text
from mmrec.data.wording import some_meant


@dataclass(frozen=True)
class _Piece:
    """A column and the text around its value: ``separator``, ``prefix``, value, ``suffix``."""

    column: str
    separator: str
    prefix: str
    suffix: str


# Between two columns: closing brackets of the first, the separator, the words before the second.
_BETWEEN = re.compile(
    r"(?P<suffix>[)\]}»”’\"']*)(?P<separator>[\s.,;:|/·•–—。，、；-]*)(?P<prefix>.*)", re.S
)
_ENDS = (".", "!", "?", "…", "。", "！", "？")
_GUESSES = {
    "title": ("title", "name", "item_name", "product_name", "product_title"),
    "brand": ("brand",),
    "category": ("category", "categories", "main_category"),
    "genres": ("genres", "genre"),
    "description": ("description", "desc", "overview", "summary", "text"),
}
TEXT_COLUMNS = tuple(name for names in _GUESSES.values() for name in names)
"""Names, in lower case, of columns that are read as a text unless others are named."""
TITLES, DESCRIPTIONS = _GUESSES["title"], _GUESSES["description"]
"""Names, in lower case, of columns that tell a reader which item it is; of longer ones."""


@dataclass(frozen=True)
class TextTemplate:
    """Builds one text per item from its columns, such as ``"{title}. {genres}. {description}"``.

    Every value is cleaned. The parts of a list, or of a string such as ``A|B``, are joined with
    commas. An empty column is left out together with the separator and the words before it.

    Args:
        template: text with column names in braces; ``{{`` is a literal brace.
        max_chars: longest text of one column; the rest is cut.

    Raises:
        ValueError: the template names no column, or braces hold more than a name.

    Example:
        >>> template = TextTemplate("{title}. Genres: {genres}. {description}")
        >>> template.render({"title": "Heat", "genres": "Crime|Drama", "description": None})
        'Heat. Genres: Crime, Drama'
    """

    template: str
    max_chars: int = 10_000
    _pieces: tuple[_Piece, ...] = field(init=False, repr=False, compare=False)
    _tail: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pieces, tail = _parse(self.template)
        object.__setattr__(self, "_pieces", pieces)
        object.__setattr__(self, "_tail", tail)

    @classmethod
    def guess(cls, columns: Iterable[str]) -> "TextTemplate":
        """Return a template of the columns title (or name), brand, category, genres, description.

        Columns that don't exist are left out; upper and lower case are the same.

        Raises:
            ValueError: none of them exists.

        Example:
            >>> TextTemplate.guess(["item_id", "Name", "genres", "price"]).template
            '{Name}. {genres}'
        """
        given = list(columns)
        lower = {name.lower(): name for name in reversed(given)}
        found = [
            next((lower[name] for name in names if name in lower), None)
            for names in _GUESSES.values()
        ]
        if not any(found):
            raise ValueError(
                f"no column has the usual name of a text ({', '.join(_GUESSES)}); got {given}"
            )
        return cls(". ".join(f"{{{name}}}" for name in found if name is not None))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that the template uses, in the order of first use."""
        return tuple(dict.fromkeys(piece.column for piece in self._pieces))

    def render(self, row: Mapping[str, Any]) -> str:
        """Return the text of one item; empty if all its columns are.

        Raises:
            ValueError: the row lacks a column of the template.
        """
        self._check(row)
        text = ""
        for piece in self._pieces:
            value = _value(row[piece.column], self.max_chars)
            if not value:
                continue
            separator = piece.separator if text else ""
            text = _join(text, separator) + piece.prefix + value + piece.suffix
        return _join(text, self._tail).strip() if text else ""

    def render_all(self, frame: pl.DataFrame) -> list[str]:
        """Return the text of every row of a frame.

        Raises:
            ValueError: the frame lacks a column of the template.
        """
        self._check(frame.columns)
        return [self.render(row) for row in frame.select(self.columns).iter_rows(named=True)]

    def count_cut(self, frame: pl.DataFrame) -> int:
        """Return the number of rows with a column longer than ``max_chars``, whose text is cut.

        Raises:
            ValueError: the frame lacks a column of the template.

        Example:
            >>> frame = pl.DataFrame({"title": ["Heat", "Alien"]})
            >>> TextTemplate("{title}", max_chars=4).count_cut(frame)
            1
        """
        self._check(frame.columns)
        texts = frame.select(name for name in self.columns if frame[name].dtype == pl.String)
        long = texts.filter(pl.any_horizontal(False, pl.all().str.len_chars() > self.max_chars))
        # Clean before counting: many long texts are short without markup and spaces.
        return sum(
            any(len(clean_text(text, len(text))) > self.max_chars for text in row if text)
            for row in long.iter_rows()
        )

    def _check(self, columns: Iterable[str]) -> None:
        given = list(columns)
        missing = [name for name in self.columns if name not in given]
        if missing:
            raise ValueError(
                f"template columns {missing} don't exist; got {given}{some_meant(missing, given)}"
            )


def _parse(template: str) -> tuple[tuple[_Piece, ...], str]:
    """Return the columns of a template with the text around each, and the text after the last."""
    columns: list[str] = []
    texts = [""]
    try:
        for literal, name, spec, conversion in Formatter().parse(template):
            texts[-1] += literal
            if name is None:
                continue
            if not name or spec or conversion:
                raise ValueError("braces must hold a column name alone")
            columns.append(name)
            texts.append("")
    except ValueError as error:
        raise ValueError(f"template {template!r} can't be read: {error}") from None
    if not columns:
        raise ValueError(f"template must name at least one column in braces; got {template!r}")
    matches = [_BETWEEN.fullmatch(text) for text in texts[1:]]
    parts = [("", "", texts[0])]
    parts += [(m["suffix"], m["separator"], m["prefix"]) for m in matches if m is not None]
    pieces = tuple(
        _Piece(name, separator, prefix, after[0])
        for name, (_, separator, prefix), after in zip(columns, parts, parts[1:], strict=False)
    )
    return pieces, parts[-1][1] + parts[-1][2]


def _join(text: str, separator: str) -> str:
    # 'Nice.' + '. ' becomes 'Nice. '.
    return text + (separator.lstrip(".。") if text.endswith(_ENDS) else separator)


def _value(value: Any, max_chars: int) -> str:
    if isinstance(value, pl.Series | list | tuple):
        parts = [_value(part, max_chars) for part in value]
    else:
        parts = [part.strip() for part in clean_text(value, max_chars).split("|")]
    return ", ".join(part for part in parts if part)
