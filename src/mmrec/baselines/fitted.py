"""The error for scores that are requested before ``fit``."""

from typing import TypeVar

T = TypeVar("T")


def require_fitted(model: object, learned: T | None) -> T:
    """Return what ``fit`` has learned.

    Raises:
        ValueError: it is None, since ``fit`` was not called.
    """
    if learned is None:
        name = type(model).__name__
        raise ValueError(f"{name} must be fitted first; call fit(events, catalog_size)")
    return learned
