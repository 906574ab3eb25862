"""Parts of one's own in a recommender's model: how they get there, and what they are called."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from mmrec.models import ItemEncoder, SequentialModel

Build = Callable[[SequentialModel], SequentialModel]
"""Takes the model that the options make, and returns it with parts replaced, or another one."""


def with_own(model: SequentialModel, build: Build | None) -> SequentialModel:
    """Return what ``build`` makes of a model; without it, the model.

    Raises:
        ValueError: it returns something else, or the parts don't fit one another.
    """
    if build is None:
        return model
    own = build(model)
    if not isinstance(own, SequentialModel):
        raise ValueError(f"build must return a SequentialModel; got {type(own).__name__}")
    if type(own.items) is ItemEncoder:  # wired anew: these classes check that parts fit
        encoders: dict[str, Any] = dict(own.items.encoders.items())
        ItemEncoder(encoders, own.items.fusion)
    if type(own) is SequentialModel:
        SequentialModel(own.items, own.interest, own.scorer, own.reranker)
    return own


def parts_of(model: SequentialModel) -> dict[str, nn.Module]:
    """Return the parts of a model by name, itself included."""
    found: dict[str, Any] = {
        "model": model,
        "items": model.items,
        "fusion": model.items.fusion,
        "interest": model.interest,
        "scorer": model.scorer,
    }
    if model.reranker is not None:
        found["reranker"] = model.reranker
    return found | {f"{name} encoder": part for name, part in model.items.encoders.items()}


def names_of(model: SequentialModel) -> dict[str, str]:
    """Return the qualified class name of each part.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> from mmrec.models import gru4rec
        >>> names_of(gru4rec({"id": IdEncoder(5, 8)}, dim=8))["interest"]
        'mmrec.interest.GRUInterest'
    """
    return {name: class_name(part) for name, part in parts_of(model).items()}


def class_name(part: object) -> str:
    """Return the name by which the class of a part is imported."""
    kind = type(part)
    own = kind.__module__.startswith("mmrec.")
    module = ".".join(kind.__module__.split(".")[:2]) if own else kind.__module__
    return f"{module}.{kind.__qualname__}"


def build_name(build: Build | None) -> str | None:
    """Return what a ``build`` is called."""
    return None if build is None else getattr(build, "__qualname__", type(build).__name__)


def check_recorded(
    recorded: Mapping[str, str], model: SequentialModel, build: Build | None
) -> None:
    """Compare the parts of a RUN with those that were made of it now.

    Classes of one's own may have moved: a script's ``__main__.Mine`` is a module's ``train.Mine``.

    Raises:
        ValueError: a part is of another class.
    """
    made = names_of(model)
    for part in dict.fromkeys([*recorded, *made]):
        before, now = recorded.get(part), made.get(part)
        if build is not None and before and now and before.split(".")[-1] == now.split(".")[-1]:
            continue
        if before != now:
            raise ValueError(
                f"its {part} is {before or 'missing'}, and what is built here is "
                f"{now or 'without one'}: load needs the build= that fit was given"
            )


def check_kept(made: Mapping[str, nn.Module], model: SequentialModel) -> None:
    """Refuse a model in which a part was replaced: a RUN couldn't give it back.

    Raises:
        ValueError: a part is another object than when the recommender was ``made``.
    """
    parts = parts_of(model)
    for name in dict.fromkeys([*parts, *made]):
        if parts.get(name) is not made.get(name):
            raise ValueError(
                f"the {name} was replaced by {class_name(parts.get(name))} after the recommender "
                f"was made, which a RUN could not give back: give fit or load a build= that does it"
            )
