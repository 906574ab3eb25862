"""Something odd about a data set, with its count, first examples and advice."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

FEW = 3
"""So many examples are shown."""

_LONGEST = 60  # characters of an example


class Severity(StrEnum):
    """How bad a finding is: with an error, ``fit`` would refuse the data."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


ORDER = list(Severity)
"""Severities, the worst first."""


@dataclass(frozen=True)
class Finding:
    """Something odd about a data set.

    Attributes:
        kind: a stable name, such as ``"repeated_events"``.
        severity: an error, a warning or a note.
        count: how many there are; None where nothing is counted.
        text: what was found.
        advice: what to do about it.
        examples: the first ones. They never hold the id of a user.

    Example:
        >>> Finding("one_time", Severity.WARNING, 3, "all events are of one second", "").to_dict()
        {'kind': 'one_time', 'severity': 'warning', 'count': 3, 'text': ..., 'examples': []}
    """

    kind: str
    severity: Severity
    count: int | None
    text: str
    advice: str
    examples: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "kind": self.kind,
            "severity": self.severity.value,
            "count": self.count,
            "text": self.text,
            "advice": self.advice,
            "examples": list(self.examples),
        }


def error(kind: str, count: int | None, text: str, advice: str, examples: Any = ()) -> Finding:
    """Return a finding because of which ``fit`` would refuse the data."""
    return Finding(kind, Severity.ERROR, count, text, advice, examples_of(examples))


def warning(kind: str, count: int | None, text: str, advice: str, examples: Any = ()) -> Finding:
    """Return a finding that may make results worse or wrong."""
    return Finding(kind, Severity.WARNING, count, text, advice, examples_of(examples))


def note(kind: str, count: int | None, text: str, advice: str, examples: Any = ()) -> Finding:
    """Return a finding that is good to know."""
    return Finding(kind, Severity.NOTE, count, text, advice, examples_of(examples))


def examples_of(values: Iterable[Any]) -> tuple[str, ...]:
    r"""Return the first values as short texts without control characters.

    Example:
        >>> examples_of(["a", "b\x1b[2J", 7])
        ("'a'", "'b\\x1b[2J'", '7')
    """
    shown = []
    for value in islice(values, FEW):
        text = repr(value)
        shown.append(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
    return tuple(shown)


def share_of(part: int, whole: int) -> str:
    """Return a share as text.

    Example:
        >>> share_of(1, 3), share_of(1, 4000)
        ('33 %', '< 1 %')
    """
    percent = 100 * part / max(whole, 1)
    return "< 1 %" if 0 < percent < 1 else f"{percent:.0f} %"
