"""Asking for scores too early."""


def check_fitted(model: object, learned: str) -> None:
    """Raise a ``ValueError`` unless ``fit`` has given a model its attribute ``learned``."""
    if not hasattr(model, learned):
        name = type(model).__name__
        raise ValueError(f"{name} scores once it is fitted: call fit(events, catalog_size) first")
