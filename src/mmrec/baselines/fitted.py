"""Asking for scores too early."""


def check_fitted(model: object, learnt: str) -> None:
    """Raise a ``ValueError`` unless ``fit`` has given a model its attribute ``learnt``."""
    if not hasattr(model, learnt):
        name = type(model).__name__
        raise ValueError(f"{name} scores once it is fitted: call fit(events, catalog_size) first")
