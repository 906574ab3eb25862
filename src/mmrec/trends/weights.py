"""The weights of the terms of a trend."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmrec.trends.age import AGE_VALUES


@dataclass(frozen=True)
class TrendWeights:
    """What each term adds to a score; all 0 by default.

    Attributes:
        now: weight of ``log1p(V · share now)``.
        static: weight of ``log1p(V · long-run share)``.
        age: value for each of :data:`mmrec.trends.AGE_KNOTS`, and for items that were not met yet.

    Raises:
        ValueError: ``age`` has another length.

    Example:
        >>> TrendWeights(now=0.5).active, TrendWeights().active
        (True, False)
    """

    now: float = 0.0
    static: float = 0.0
    age: tuple[float, ...] = (0.0,) * AGE_VALUES

    def __post_init__(self) -> None:
        if len(self.age) != AGE_VALUES:
            raise ValueError(f"age must have {AGE_VALUES} values; got {len(self.age)}")

    @property
    def active(self) -> bool:
        """Whether any weight is not 0."""
        return bool(self.now or self.static or any(self.age))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"now": self.now, "static": self.static, "age": list(self.age)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrendWeights":
        """Return the weights that :meth:`to_dict` has written."""
        age = tuple(float(value) for value in values["age"])
        return cls(float(values["now"]), float(values["static"]), age)
