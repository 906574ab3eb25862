"""The rules of a measurement, as one object with a fingerprint."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

TARGETS = ("per-step", "last", "all")
TIES = ("against",)


@dataclass(frozen=True, kw_only=True)
class RankingProtocol:
    """What a number depends on beside the split: two can be compared if both fingerprints agree.

    Attributes:
        targets: ``"per-step"``: every event of the part is predicted from all before it;
            ``"last"``: only each user's last event of the part is; ``"all"``: all of a user's
            events of the part are to be found with what came before the first of them. With a
            leave-one-out split they are the same.
        filter_seen: whether items that the user has met are not ranked.
        ties: ``"against"``: an item with the score of the target is ranked before it.
        ks: cut-offs.
        max_length: events of a history that count.

    Raises:
        ValueError: a rule is none that there is.

    Example:
        >>> RankingProtocol().fingerprint == RankingProtocol(ks=(5, 10)).fingerprint
        False
    """

    targets: str = "per-step"
    filter_seen: bool = True
    ties: str = "against"
    ks: tuple[int, ...] = (10, 20)
    max_length: int = 200

    def __post_init__(self) -> None:
        check_target_choice(self.targets)
        if self.ties not in TIES:
            raise ValueError(f"ties must be one of {TIES}; got {self.ties!r}")
        if self.max_length < 1 or not self.ks or min(self.ks) < 1:
            raise ValueError(
                f"ks and max_length must be 1 or more; got {self.ks} and {self.max_length}"
            )

    @property
    def fingerprint(self) -> str:
        """A hash of the rules."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """The rules and their fingerprint, for a report."""
        return asdict(self) | {"ks": list(self.ks), "fingerprint": self.fingerprint}


def check_target_choice(targets: str) -> None:
    """Raise a ``ValueError`` if that is no choice of targets."""
    if targets not in TARGETS:
        raise ValueError(f"targets must be one of {TARGETS}; got {targets!r}")
