"""A report about a data set: as plain values, and as text."""

from dataclasses import dataclass
from typing import Any

from mmrec.recommender.check.finding import Finding, Severity

FORMAT = 1
"""Raised when a field of :meth:`CheckReport.to_dict` changes its name or meaning."""


@dataclass(frozen=True)
class CheckReport:
    """What is in a data set, what ``fit`` would use of it, and what is odd.

    Attributes:
        data: the data set folder.
        there: what is there: ``events``, ``items``, ``users``, ``images``, each None if missing.
        used: what ``fit`` would use: ``events`` with roles, repeats and parts; ``modalities``;
            ``unused`` columns. None if events or items can't be read.
        findings: what is odd, the worst first.
    """

    data: str
    there: dict[str, Any]
    used: dict[str, Any] | None
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        from mmrec.recommender.check.text import to_text

        return to_text(self)

    @property
    def fits(self) -> bool:
        """Whether ``fit`` would take the data."""
        return not self.count(Severity.ERROR)

    def count(self, severity: Severity) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON. No user id is among them, unless it is malformed."""
        return {
            "format": FORMAT,
            "data": self.data,
            "fits": self.fits,
            "there": self.there,
            "used": self.used,
            "findings": [finding.to_dict() for finding in self.findings],
        }
