"""Makes the parts of a model and wires them: for training, and again from a RUN."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from inspect import signature
from typing import Any

import torch
from torch import nn

from mmrec.data import EventReader, Role
from mmrec.encoders import Encoder, GivenEncoder
from mmrec.models import ItemEncoder, SequentialModel
from mmrec.recommender.options import Options
from mmrec.recommender.parts import (
    SLOTS,
    OwnPartNeeded,
    Parts,
    PartSpec,
    path_of,
    remake,
    spec_of_object,
)
from mmrec.recommender.parts.own import Own, said_of
from mmrec.recommender.parts.slots import recipe_of

MODEL_SLOTS = ("fusion", "reranker", "interest", "scorer", "request")
"""The slots of a model, in the order in which the parts are made; random draws depend on it."""


MODEL_PARTS = ("items", "interest", "scorer", "reranker", "request", "users")
"""Arguments of a model that are parts."""


@dataclass(frozen=True)
class Recipe:
    """What was given for each slot; the others have defaults.

    Example:
        >>> Recipe({"interest": "sasrec"}).to_dict()["fusion"]
        'concat'
    """

    given: Parts = field(default_factory=lambda: Parts())

    def __post_init__(self) -> None:
        unknown = sorted(set(self.given) - {*SLOTS, "encoders"})
        if unknown:
            raise ValueError(f"parts must be among {['encoders', *SLOTS]}; got {unknown}")

    def of(self, slot: str) -> Any:
        """Return what was given for a slot, or the name of the default; None for no part."""
        given: Any = self.given.get(slot)
        return SLOTS[slot].default if given is None else given

    @cached_property
    def _values(self) -> dict[str, Any]:
        # Once: parts that can't be told apart by name and arguments get an identity.
        made = {name: slot.recipe(self.of(name)) for name, slot in SLOTS.items()}
        encoders = self.given.get("encoders") or {}
        if not isinstance(encoders, Mapping):
            raise ValueError(f"encoders must be a map by modality; got {encoders!r}")
        return made | {"encoders": {name: _plain(given) for name, given in encoders.items()}}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return dict(self._values)

    @property
    def handed(self) -> list[Any]:
        """The parts and factories that were given, those named by a class path included."""
        encoders: Mapping[str, Any] = self.given.get("encoders") or {}
        made = [slot.factory(self.of(name)) for name, slot in SLOTS.items() if self.of(name)]
        return made + [part for part in encoders.values() if not isinstance(part, str | Mapping)]


def _plain(given: Any) -> Any:
    if isinstance(given, Mapping):
        return dict(given)
    return given if isinstance(given, str) else recipe_of(given)


def build_model(
    recipe: Recipe,
    options: Options,
    encoders: Mapping[str, Encoder],
    *,
    event_types: Sequence[str] = (),
    content: Sequence[str] = (),
    users: ItemEncoder | None = None,
) -> tuple[SequentialModel, dict[str, PartSpec]]:
    """Make the parts of a recipe and wire them; return the model and the spec of each part.

    Args:
        recipe: what was given.
        options: sizes and inputs.
        encoders: an encoder for each modality.
        event_types: names of the event types.
        content: the modalities that items without events have, which a fusion may align.
        users: encodes the features of users, if there are any.

    Raises:
        ValueError: a part can't be made, or the parts don't fit one another.
    """
    beside = [name for name, encoder in encoders.items() if isinstance(encoder, GivenEncoder)]
    dims = {name: encoder.dim for name, encoder in encoders.items() if name not in beside}
    known = known_sizes(recipe, options, event_types)
    content = [name for name in content if name not in beside]
    known["fusion"] = {"dims": dims, "dim": options.dim, "content": content}
    parts: dict[str, Any] = {}
    specs: dict[str, PartSpec] = {}
    for slot in MODEL_SLOTS:
        if slot == "request" and not options.request_time:
            continue
        if (given := recipe.of(slot)) is not None:
            with _drawn_apart(slot):
                parts[slot], specs[slot] = SLOTS[slot].make(given, known[slot])
    dropout = options.modality_dropout
    items = ItemEncoder(encoders, parts.pop("fusion"), modality_dropout=dropout, beside=beside)
    more = (parts.get("reranker"), parts.get("request"))
    model = SequentialModel(items, parts["interest"], parts["scorer"], *more, users=users)
    return model, specs | specs_of_wiring(model)


def _drawn_apart(slot: str) -> AbstractContextManager[None]:
    """Keep what a reranker draws from changing what is drawn later."""
    return torch.random.fork_rng(devices=[], enabled=slot == "reranker")


def known_sizes(
    recipe: Recipe, options: Options, event_types: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return the arguments that factories of interest model and scorers may take, by slot.

    An option reaches a part of its own slot only: ``dropout`` is that of the interest model.
    """
    types = read_types(options, event_types)
    says_no = list(EventReader(options.event_rules, tuple(types)).negative_types)
    interest: dict[str, Any] = {
        "dim": options.dim,
        "dropout": options.dropout,
        "time_gap": options.time_gap,
        "num_event_types": len(types),
        "negative_types": says_no,
        "window": options.max_length,
    }
    if options.layers is not None:
        interest["layers"] = options.layers
    with torch.random.fork_rng(devices=[]):  # made once more below, with the draws of the seed
        made = SLOTS["interest"].create(recipe.of("interest"), interest)
    sizes = {"dim": options.dim, "interest_dim": getattr(made, "interest_dim", options.dim)}
    return {"interest": interest, "scorer": sizes, "reranker": sizes, "request": sizes}


def read_types(options: Options, event_types: Sequence[str]) -> Sequence[str]:
    """Return the event types that are an input.

    By default all are, if there are two or more, or if some event is not a target.
    """
    wanted, role_of = options.event_types, options.event_rules.role_of
    if wanted is None:
        wanted = len(event_types) > 1 or any(role_of(name) != Role.TARGET for name in event_types)
    return event_types if wanted else ()


def specs_of_model(model: SequentialModel) -> dict[str, PartSpec]:
    """Return the spec of each part of a model that was not made from a recipe."""
    parts = parts_of(model)
    found = {slot: spec_of_object(parts[slot]) for slot in MODEL_SLOTS if slot in parts}
    return found | specs_of_wiring(model)


def specs_of_wiring(model: SequentialModel) -> dict[str, PartSpec]:
    """Return the specs of the item encoder and of the model, which hold the parts."""
    parts = {
        "items": (model.items, ItemEncoder, ("encoders", "fusion")),
        "model": (model, SequentialModel, MODEL_PARTS),
    }
    return {slot: _wiring(*part) for slot, part in parts.items()}


def _wiring(part: nn.Module, base: type, wired: Sequence[str]) -> PartSpec:
    """Return the spec of what holds parts, without these."""
    kind = type(part)
    if getattr(kind, "__init__", None) is getattr(base, "__init__", None):
        names = [name for name in signature(base).parameters if name not in wired]
        return PartSpec(path_of(kind), {name: getattr(part, name) for name in names})
    args = getattr(part, "init_args", None)
    if not isinstance(args, dict):
        raise ValueError(
            f"{kind.__name__} has a constructor of its own: decorate the class with "
            f"mmrec.layers.record_init_args, so that a RUN can make it again"
        )
    return PartSpec(path_of(kind), {n: value for n, value in args.items() if n not in wired})


def parts_of(model: SequentialModel) -> dict[str, nn.Module]:
    """Return the parts of a model by slot, and the model, its item encoder and its encoders."""
    items = model.items
    found: dict[str, Any] = {"model": model, "items": items, "fusion": items.fusion}
    found |= {"interest": model.interest, "scorer": model.scorer}
    if model.reranker is not None:
        found["reranker"] = model.reranker
    if model.request is not None:
        found["request"] = model.request
    if model.users is not None:
        found["users"] = model.users
    return found | {f"{name} encoder": part for name, part in items.encoders.items()}


def made_of(specs: Mapping[str, PartSpec], model: SequentialModel) -> list[nn.Module]:
    """Return the parts that specs name, also where a model keeps them within others."""
    paths = {spec.class_path for spec in specs.values()}
    named = [part for part in model.modules() if path_of(type(part)) in paths]
    return [*named, *model.items.encoders.values()]


def check_kept(made: Mapping[str, nn.Module], model: SequentialModel) -> None:
    """Raise a ``ValueError`` if a part was replaced, since a RUN couldn't make it again.

    Args:
        made: the parts when the recommender was made, see :func:`parts_of`.
        model: the model now.
    """
    parts = parts_of(model)
    for name in dict.fromkeys([*parts, *made]):
        if parts.get(name) is not made.get(name):
            raise ValueError(
                f"the {name} was replaced by {type(parts.get(name)).__name__} after training, and "
                f"a RUN could not make it again: give it to fit, or use from_model"
            )


def assemble(
    specs: Mapping[str, PartSpec],
    encoders: Mapping[str, Any],
    own: Own,
    users: ItemEncoder | None = None,
) -> SequentialModel:
    """Make a model again from the specs of its parts; its weights are loaded later.

    ``users`` is the tower of users, if the model has one.

    Raises:
        ValueError: a part is neither from mmrec nor in ``own``, or parts don't fit together.
    """
    parts = {}
    for slot in MODEL_SLOTS:
        if slot in specs:
            with _drawn_apart(slot):
                parts[slot] = remake(slot, specs[slot], [SLOTS[slot].room], own)
    fusion = parts.pop("fusion")
    items = _wire("items", specs["items"], own, encoders, fusion)
    wired: SequentialModel = _wire(
        "model",
        specs["model"],
        own,
        items,
        parts["interest"],
        parts["scorer"],
        parts.get("reranker"),
        *([parts["request"]] if "request" in parts else []),
        **({} if users is None else {"users": users}),
    )
    return wired


def model_from(
    old: SequentialModel,
    specs: Mapping[str, PartSpec],
    encoders: Mapping[str, Any],
    users: ItemEncoder | None = None,
) -> SequentialModel:
    """Return a model of the same parts with the old weights; vectors of new ids are random."""
    own: list[tuple[str | None, Any]] = []
    for slot, part in parts_of(old).items():
        if (spec := specs.get(slot)) is not None:
            made = spec.init_args is not None and spec.class_path == path_of(type(part))
            own.append((slot, type(part) if made else part))
    model = assemble(specs, encoders, own, users)
    weights = model.state_dict()
    for name, value in old.state_dict().items():
        # The id vocabulary may have become longer.
        weights[name][tuple(map(slice, value.shape[:1]))] = value.cpu()
    return model


def _wire(slot: str, spec: PartSpec, own: Own, *parts: Any, **more: Any) -> Any:
    """Call the class of an item encoder or a model: one of mmrec's, or one in ``own``."""
    classes: tuple[type, ...] = (ItemEncoder, SequentialModel)
    ours = [kind for kind in classes if path_of(kind) == spec.class_path]
    kinds = {part for name, part in own if name in (None, slot) and isinstance(part, type)}
    found = ours or [kind for kind in kinds if kind.__name__ == spec.name]
    if len(found) != 1:
        raise OwnPartNeeded.of({slot: spec}, said_of(own))
    return found[0](*parts, **(spec.init_args or {}), **more)
