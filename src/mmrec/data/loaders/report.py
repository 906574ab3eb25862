"""What an import read, kept and dropped: counts by file and by reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

SHOWN = 5
"""So many line numbers of each reason are kept."""


@dataclass
class Dropped:
    """Lines that were dropped for one reason: how many, and the first numbers (from 1)."""

    count: int = 0
    lines: list[int] = field(default_factory=list)


@dataclass
class FileCounts:
    """The lines of one file.

    Attributes:
        path: the file.
        number: its place among the files of the import.
        strict: refuse a line that can't be read.
        read: lines that were read, without a header.
        dropped: those that were dropped, by reason.
    """

    path: Path
    number: int
    strict: bool = False
    read: int = 0
    dropped: dict[str, Dropped] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        """Lines that are in the result."""
        return self.read - sum(reason.count for reason in self.dropped.values())

    def drop(self, reason: str, lines: Sequence[int] | pl.Series, *, fault: bool = True) -> None:
        """Count lines as dropped.

        Args:
            reason: why.
            lines: their numbers; one that occurs several times counts once.
            fault: the lines can't be used, which ``strict`` refuses.

        Raises:
            ValueError: a line is at fault, and ``strict`` is set.
        """
        numbers = sorted(set(lines))
        if not numbers:
            return
        if fault and self.strict:
            raise ValueError(f"{self.path}, line {numbers[0]}: {reason}")
        entry = self.dropped.setdefault(reason, Dropped())
        entry.count += len(numbers)
        entry.lines = sorted([*entry.lines, *numbers[:SHOWN]])[:SHOWN]


@dataclass
class ImportReport:
    """What an import did.

    Attributes:
        layout: name of the layout.
        source: the folder that was read.
        strict: refuse a line that can't be read.
        files: counts of each file, in the order of reading.
        totals: counts of the result, by name.
        notes: whatever else is worth knowing, with its count.
        unread: files in the folder that were not read.

    Example:
        >>> report = ImportReport("ml-1m", Path("ml-1m"))
        >>> ratings = report.open(Path("ml-1m/ratings.dat"))
        >>> ratings.read += 3
        >>> ratings.drop("expected 4 fields", [2])
        >>> print(report.table())
        file                lines          kept     dropped
        ratings.dat             3             2           1
          1 line: expected 4 fields (line 2)
    """

    layout: str
    source: Path
    strict: bool = False
    files: list[FileCounts] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def open(self, path: Path) -> FileCounts:
        """Return new counts for a file."""
        self.files.append(FileCounts(path, len(self.files), self.strict))
        return self.files[-1]

    def note(self, what: str, count: int) -> None:
        """Add to the count of something worth knowing."""
        if count:
            self.notes[what] = self.notes.get(what, 0) + count

    def table(self) -> str:
        """Return the report as text."""
        names = [self._name(file) for file in self.files]
        width = max(map(len, [*names, "file"]))
        rows = [f"{'file':<{width}}{'lines':>14}{'kept':>14}{'dropped':>12}"]
        for name, file in zip(names, self.files, strict=True):
            dropped = file.read - file.kept
            rows.append(f"{name:<{width}}{file.read:>14,}{file.kept:>14,}{dropped:>12,}")
            rows += [f"  {_said(why, lines)}" for why, lines in file.dropped.items()]
        rows += [f"{count:,} {what}" for what, count in self.totals.items()]
        rows += [f"{what}: {count:,}" for what, count in self.notes.items()]
        if self.unread:
            rows.append(f"not read: {', '.join(self.unread)}")
        return "\n".join(rows)

    def reasons(self) -> str:
        """Return why lines were dropped, as the end of a message."""
        found = [
            f"{self._name(file)}: {_said(why, lines)}"
            for file in self.files
            for why, lines in file.dropped.items()
        ]
        return "".join(f"; {reason}" for reason in found)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as values for JSON."""
        return {
            "layout": self.layout,
            "source": str(self.source),
            "files": {
                self._name(file): {
                    "lines": file.read,
                    "kept": file.kept,
                    "dropped": {
                        why: {"count": lines.count, "first_lines": lines.lines}
                        for why, lines in file.dropped.items()
                    },
                }
                for file in self.files
            },
            "totals": self.totals,
            "notes": self.notes,
            "unread": self.unread,
        }

    def _name(self, file: FileCounts) -> str:
        inside = file.path.is_relative_to(self.source)
        return str(file.path.relative_to(self.source) if inside else file.path)


def _said(why: str, dropped: Dropped) -> str:
    one = dropped.count == 1
    numbers = ", ".join(map(str, dropped.lines))
    more = ", …" if dropped.count > len(dropped.lines) else ""
    return (
        f"{dropped.count:,} {'line' if one else 'lines'}: {why} "
        f"({'line' if one else 'lines'} {numbers}{more})"
    )
