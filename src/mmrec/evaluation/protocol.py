"""The rules of a measurement, as one object with a fingerprint."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

TARGETS = ("per-step", "last", "all")
TIES = ("against",)


@dataclass(frozen=True, kw_only=True)
class RankingProtocol:
    """What a result depends on beside the split.

    Results on the same split are comparable if the fingerprints of their protocols are equal.

    Attributes:
        targets: which events of the part are targets. ``"per-step"``: every event, predicted from
            all events of its user before it. ``"last"``: the last event of each user. ``"all"``:
            all events of a user at once, predicted from the events before the first of them. With
            a leave-one-out split the three are the same.
        filter_seen: whether to leave out the items that the user has interacted with.
        ties: ``"against"``: an item with the same score as the target is ranked before it.
        ks: cut-offs.
        max_length: events of a history that the scorer gets.

    Raises:
        ValueError: a value is not one of those above, or a number is below 1.

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
        """Return the rules and their fingerprint, for a report."""
        return asdict(self) | {"ks": list(self.ks), "fingerprint": self.fingerprint}


def check_target_choice(targets: str) -> None:
    """Raise a ``ValueError`` if ``targets`` is not a choice of :class:`RankingProtocol`."""
    if targets not in TARGETS:
        raise ValueError(f"targets must be one of {TARGETS}; got {targets!r}")
