"""What a search tries: the plan of a trial, and which names are searched by default."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from mmrec.data import Dataset
from mmrec.recommender.options import PARTS, Options
from mmrec.recommender.parts import Parts
from mmrec.recommender.parts.slots import FULL_UP_TO
from mmrec.recommender.pipeline.assemble import Recipe
from mmrec.recommender.pipeline.plan import Plan
from mmrec.recommender.pipeline.prepare import check_given, make_plan
from mmrec.recommender.pipeline.unused import unused_options
from mmrec.recommender.pipeline.users import plan_users
from mmrec.recommender.zoo import resolve
from mmrec.tuning.space import DEFAULT, USUAL, Space, check_space

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Search:
    """What is fixed and what is searched.

    Attributes:
        data: events, items and users.
        options: the options that are fixed.
        parts: the parts that are fixed.
        model: name of a model that sets others, see :data:`mmrec.recommender.zoo.ZOO`; or None.
        plan: the plan of a training with these alone; its split is that of all trials.
        space: what is searched.
    """

    data: Dataset
    options: Options
    parts: Parts
    model: str | None
    plan: Plan
    space: Space

    def chosen(self, params: Mapping[str, Any]) -> tuple[Options, Parts]:
        """Return options and parts with the values of a trial."""
        options = {name: value for name, value in params.items() if name not in PARTS}
        parts = {name: value for name, value in params.items() if name in PARTS}
        return self.options.replace(**options), cast(Parts, {**self.parts, **parts})

    def plan_of(self, params: Mapping[str, Any]) -> Plan:
        """Return the plan of a trial: its options and parts on the split of the search."""
        made = resolve(self.model, *self.chosen(params))
        recipe = Recipe(cast(Parts, made.parts))
        options = made.options.replace(modalities=self.plan.options.modalities)
        options, modalities = check_given(options, recipe)
        users = plan_users(self.data.users, options, recipe, self.plan.split)
        return replace(
            self.plan, options=options, recipe=recipe, modalities=modalities, users=users
        )

    @property
    def defaults(self) -> dict[str, Any]:
        """The values that are used without a search, of what is searched."""
        made = resolve(self.model, self.options, self.parts)
        recipe = Recipe(cast(Parts, made.parts))
        return {
            name: recipe.of(name) if name in PARTS else getattr(made.options, name)
            for name in self.space
        }


def make_search(
    data: Dataset,
    options: Options | None,
    parts: Parts,
    space: Mapping[str, Any] | None,
    model: str | None = None,
) -> Search:
    """Check what is given and complete it.

    Args:
        data: events, items and users.
        options: the options that are fixed; those that are set aren't searched by default.
        parts: the parts that are fixed.
        space: what is searched; by default the usual values of :data:`mmrec.tuning.DEFAULT`, as
            far as they are neither fixed nor without effect.
        model: name of a model. What it sets may be searched; its parts aren't by default.

    Raises:
        ValueError: an option, a part or the space is wrong, or a name is both fixed and searched.
    """
    recipe = Recipe(parts)
    given = None if space is None else check_space(space)
    options, _ = check_given(options, recipe)
    if options.epsilon is not None:
        raise ValueError("a search needs training without privacy: epochs are chosen by validation")
    if options.devices not in ("auto", 1):
        raise ValueError(f"a search trains on one device; got devices={options.devices}")
    fixed = options.model_fields_set | {name for name, part in parts.items() if part is not None}
    if both := sorted(fixed & set(given or ())):
        raise ValueError(f"{both} must be set or searched; got both")
    options = options.replace(devices=1)
    made = resolve(model, options, parts)
    recipe = Recipe(cast(Parts, made.parts))
    chosen, modalities = check_given(made.options, recipe)
    plan = make_plan(data, chosen, recipe, modalities)
    useless = _without_effect(plan)
    search = Search(data, options, parts, model, plan, given or {})
    if given is None:
        fixed |= set(made.facts.get("parts", ()))
        return replace(search, space=_default_space(search, fixed, useless))
    if not {"negatives", "tuning"} & set(given):
        for name in sorted(set(given) & set(useless)):
            log.warning("searching %s has no effect: %s", name, useless[name])
    _check_choices(search)
    return search


def _without_effect(plan: Plan) -> dict[str, str]:
    """Return why names have no effect on a training."""
    names = [name for name in USUAL if name not in PARTS]
    every = plan.options.replace(**{name: getattr(plan.options, name) for name in names})
    found = unused_options(every, plan.recipe, plan.modalities, plan.check())
    if plan.recipe.of("negatives") == "auto" and len(plan.trained) <= FULL_UP_TO:
        found["pool_size"] = f"all {len(plan.trained)} trained items are negatives"
    return {name: why for name, why in found.items() if name in names}


def _default_space(search: Search, fixed: set[str], useless: Mapping[str, str]) -> Space:
    space = {name: USUAL[name] for name in DEFAULT if name not in fixed and name not in useless}
    left_out = {n: why for n, why in useless.items() if n in DEFAULT and n not in fixed}
    if left_out:
        said = "; ".join(f"{name} ({why})" for name, why in left_out.items())
        log.info("not searched, as it has no effect: %s", said)
    if "interest" in space and search.plan.users is not None:  # not all read features of users
        with silent():
            space["interest"] = tuple(
                name
                for name in cast(tuple[str, ...], USUAL["interest"])
                if search.plan_of({"interest": name}).users is not None
            )
    return check_space(space)


def _check_choices(search: Search) -> None:
    """Raise a ValueError, before the first trial, for a part that can't be made."""
    with silent():
        for name, values in search.space.items():
            if name in PARTS and isinstance(values, tuple):
                for value in values:
                    search.plan_of({name: value}).check()


@contextmanager
def silent() -> Iterator[None]:
    """Hide what mmrec logs, below an error."""
    logger = logging.getLogger("mmrec")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
