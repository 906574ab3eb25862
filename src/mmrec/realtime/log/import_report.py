"""What became of the rows of a table that was imported into a log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmrec.data import ItemId
from mmrec.data.wording import counted

NAMED = 3
"""Items that a report names, of those that aren't in the catalogue, and event types."""


@dataclass(frozen=True)
class ImportReport:
    """What became of the rows of a table; numbers of events unless something else is said.

    Attributes:
        new: those that were stored.
        users: users of the events that were stored.
        known: those that the log had already.
        forgotten: those of users who were forgotten; they are not stored.
        unknown: those on items that are not in the catalogue; they are not stored.
        unknown_items: the first few of these items.
        untyped: stored ones whose event types were not in training; they count as of unknown type.
        unknown_types: the first few of these types.
        late: stored ones that are older than the last event of their user in the log.
        unchanged: whether this file was imported before. Then it isn't read again, and what was
            stored at that time counts as known.
    """

    new: int = 0
    users: int = 0
    known: int = 0
    forgotten: int = 0
    unknown: int = 0
    unknown_items: tuple[ItemId, ...] = ()
    untyped: int = 0
    unknown_types: tuple[str, ...] = ()
    late: int = 0
    unchanged: bool = False

    def __str__(self) -> str:
        """Return the report in a sentence."""
        said = [
            f"{counted(self.new, 'event')} of {counted(self.users, 'user')} imported",
            f"{self.known:,} known" + (" (the file is unchanged)" if self.unchanged else ""),
        ]
        if self.forgotten:
            said.append(f"{self.forgotten:,} of forgotten users left out")
        if self.unknown:
            said.append(
                f"{self.unknown:,} on items that are not in the catalogue left out, first "
                f"{list(self.unknown_items)}; mmrec fit refuses a table with such events"
            )
        if self.untyped:
            said.append(
                f"{self.untyped:,} of event types that were not in training, first "
                f"{list(self.unknown_types)}, counted as of unknown type"
            )
        if self.late:
            said.append(
                f"{self.late:,} older than the last event of their user in the log, counted as "
                "simultaneous with it"
            )
        if self.new:
            said.append("mmrec learn passes imported events over unless --imported is given")
        return "; ".join(said)

    def __add__(self, other: "ImportReport") -> "ImportReport":
        """Return the report on both of two parts, which have no user in common."""
        names = ("new", "users", "known", "forgotten", "unknown", "untyped", "late")
        lists = ("unknown_items", "unknown_types")
        sums: dict[str, Any] = {name: getattr(self, name) + getattr(other, name) for name in names}
        for name in lists:
            found = dict.fromkeys(getattr(self, name) + getattr(other, name))
            sums[name] = tuple(found)[:NAMED]
        return ImportReport(**sums)

    @classmethod
    def again(cls, before: Mapping[str, Any]) -> "ImportReport":
        """Return the report on a file whose earlier import had the fields ``before``."""
        return cls(
            known=before["new"] + before["known"],
            forgotten=before["forgotten"],
            unknown=before["unknown"],
            unknown_items=tuple(before["unknown_items"]),
            unchanged=True,
        )
