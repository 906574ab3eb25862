"""How a modality is written: its kind, the columns that it reads, and a name."""

from dataclasses import dataclass
from pathlib import PurePath

FILES = (".parquet", ".npy")
"""Endings of a source that is a file, not a column."""


@dataclass(frozen=True)
class Written:
    """A modality in the words of a user: ``kind``, ``kind:columns`` or ``name=kind:columns``.

    Columns are joined by ``+``. The name is what was written unless one is given; of a file, the
    folder and the ending are left out.

    Attributes:
        name: names the modality everywhere.
        kind: ``text``, ``number`` and so on.
        source: what follows the colon, or None.

    Example:
        >>> Written.read("number:price+year")
        Written(name='number:price+year', kind='number', source='price+year')
        >>> Written.read("vectors:data/clip.parquet").name
        'vectors:clip'
        >>> Written.read("clip=vectors:data/clip.parquet").name
        'clip'
    """

    name: str
    kind: str
    source: str | None = None

    @classmethod
    def read(cls, text: str) -> "Written":
        """Return what a text says.

        Raises:
            ValueError: a name, kind or column is empty, or the name has a dot.
        """
        head, colon, tail = text.partition(":")
        name, equals, kind = head.rpartition("=")
        name, kind, source = name.strip(), kind.strip(), tail.strip() if colon else None
        empty = not kind or source == "" or (equals and not name)
        if empty or (source is not None and "" in map(str.strip, source.split("+"))):
            raise ValueError(
                f"a modality must be written as kind, kind:column+column or name=kind:column; got "
                f"{text!r}"
            )
        if not equals:
            name = kind if source is None else f"{kind}:{_short(source)}"
        if "." in name:
            raise ValueError(
                f"the name of a modality can't have a dot; got {name!r}: give it another one, such "
                f"as {name.partition(':')[2].replace('.', '_') or kind}={kind}:..."
            )
        return cls(name, kind, source)

    @property
    def columns(self) -> list[str] | None:
        """The columns, or None if none were written."""
        if self.source is None:
            return None
        return [column.strip() for column in self.source.split("+")]


def _short(source: str) -> str:
    path = PurePath(source)
    return path.stem if is_file(source) else "+".join(part.strip() for part in source.split("+"))


def is_file(source: str) -> bool:
    """Return whether a source is a file rather than a column."""
    return PurePath(source).suffix.lower() in FILES
