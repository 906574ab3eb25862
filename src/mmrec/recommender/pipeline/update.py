"""Continuing the training of a recommender on new events and items."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch.nn.functional as F

from mmrec.data import Catalog, Interactions, Split, Table, TimeUnit, read_log
from mmrec.data.images import ADDED
from mmrec.data.said import collected
from mmrec.data.users import match_users, read_users
from mmrec.data.wording import counted, verb
from mmrec.evaluation import evaluate
from mmrec.recommender.artifact.needed import LEARNING, own_spec
from mmrec.recommender.artifact.run import is_main_process
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.options import Options
from mmrec.recommender.parts import SLOTS, Own, OwnPartNeeded, Parts
from mmrec.recommender.parts.own import find_own, said_of
from mmrec.recommender.parts.remake import factory_of
from mmrec.recommender.pipeline.assemble import Recipe
from mmrec.recommender.pipeline.data import renumbered, split_log
from mmrec.recommender.pipeline.fit import carry_out
from mmrec.recommender.pipeline.leaks import warn_of_counted, with_earlier
from mmrec.recommender.pipeline.measure import protocol_of
from mmrec.recommender.pipeline.plan import Execution, Plan
from mmrec.recommender.pipeline.scorers import scorer_at
from mmrec.recommender.pipeline.train import check_devices
from mmrec.recommender.report import BEFORE, COLUMNS
from mmrec.recommender.users import UserTable, user_catalog
from mmrec.recommender.zoo import MODEL
from mmrec.trends import CreatedTimes, ItemEvents, created_times

logger = logging.getLogger(__name__)


FIXED = (
    "modalities",
    "user_features",
    "text_template",
    "text_length",
    "pooling",
    "category_buckets",
    "tuning",
    "dim",
    "dropout",
    "modality_dropout",
    "layers",
    "time_gap",
    "event_types",
    "request_time",
    "targets",
    "negative",
    "shown",
    "epsilon",
)
"""Options that an update can't change, since the shape or meaning of weights depends on them."""


def update_state(
    old: RecommenderState,
    events: Table | Interactions,
    items: Table | Catalog | None,
    images: str | Path | None,
    parts: Parts,
    changes: Mapping[str, Any],
    how: Execution,
    time_unit: TimeUnit | None = None,
    users: Table | None = None,
    own: Own = (),
) -> RecommenderState:
    """Continue training from a state; see :meth:`mmrec.Recommender.update`."""
    options = _changed(old, changes)
    check_devices(options.devices)
    catalog = merged(old.catalog, items, images)
    log = read_log(events, catalog, time_unit)
    split = renumbered(split_log(log, options, catalog), old.event_types)
    warn_of_counted(old, split)
    plan = Plan(
        options,
        _recipe(old, parts, own),
        {name: fitted.modality for name, fitted in old.modalities.items()},
        catalog,
        split,
        _vocabulary(old),
        {name: value for name, value in old.about.items() if name not in ("data", MODEL)},
        _users(old, users, log),
        old,
    )
    before = {BEFORE: _measured_before(old, catalog, split)} if is_main_process() else {}
    made = carry_out(plan, how)
    counts = made.counts + F.pad(old.counts.cpu(), (0, len(made.counts) - len(old.counts)))
    changed = {slot: plan.recipe.to_dict()[slot] for slot in parts}
    report = {**made.report, **before}
    return replace(made, counts=counts, recipe={**old.recipe, **changed}, report=report)


def _measured_before(old: RecommenderState, catalog: Catalog, split: Split) -> dict[str, float]:
    """Return the metrics of the recommender that is updated, on the test part of the new log.

    It ranks the same items as the new one: those that are new to it by their content. Counts go on
    from those that are served, as those of the new one do.
    """
    new = np.arange(len(old.catalog) + 1, len(catalog) + 1)
    if len(new):
        rows, trend = catalog.take(new), old.trend
        with collected():  # the training says what is odd about them
            old = replace(old, trend=None).with_items(rows.frame, *old.encode(rows))
        if trend is not None:
            # In a log, items without a date exist from their first event, as in a training.
            created = created_times(rows.frame, ItemEvents(np.zeros(0, dtype=int), np.zeros(0)))
            old = replace(old, trend=trend.with_items(created[1:]))
    served = tuple(one.updated(one.updated(None)) for one in old.neighbours)
    split = old.labelled(with_earlier(split, old.counts.cpu().numpy()))
    scorer = scorer_at(replace(old, neighbours=served), split, "test")
    found = evaluate(scorer, split, "test", protocol=protocol_of(old))
    return {name: found[name] for name in COLUMNS}


def _changed(old: RecommenderState, changes: Mapping[str, Any]) -> Options:
    if old.options.epsilon is not None:
        raise ValueError("a RUN that was trained with privacy can't be updated; fit a new one")
    options = old.options.replace(**changes)
    wrong = sorted(n for n in FIXED if getattr(options, n) != getattr(old.options, n))
    if wrong:
        raise ValueError(f"an update must keep {wrong} of the RUN; fit a new one to change them")
    return options


def _recipe(old: RecommenderState, parts: Parts, own: Own) -> Recipe:
    """Return the recipe of the update: ``parts``, and by default the old loss and negatives.

    Those from outside mmrec are made of ``own``, with the arguments that the RUN holds.
    """
    unknown = sorted(set(parts) - set(LEARNING))
    if unknown:
        raise ValueError(
            f"an update keeps all parts of the RUN but loss and negatives; got {unknown}"
        )
    kept = {slot: old.recipe[slot] for slot in LEARNING if parts.get(slot) is None}
    theirs = {slot: spec for slot in kept if (spec := own_spec(old.recipe, slot))}
    found = {slot: find_own(slot, spec, own) for slot, spec in theirs.items()}
    if missing := {slot: spec for slot, spec in theirs.items() if found[slot] is None}:
        other = " and ".join(f"{slot}=" for slot in missing)
        more = f", when the RUN is loaded; or give {other} to the update{said_of(own)}"
        raise OwnPartNeeded.of(missing, more)
    made = {slot: factory_of(slot, spec, found[slot]) for slot, spec in theirs.items()}
    recipe = Recipe(cast(Parts, {**parts, **kept, **made}))
    for slot in parts:
        _say_forgotten(slot, old.recipe[slot], recipe.to_dict()[slot])
    return recipe


def given_to_learn(parts: Parts) -> Own:
    """Return the loss and the negatives that were given, for a later update."""
    given: Mapping[str, Any] = parts
    return [
        (slot, SLOTS[slot].factory(given[slot])) for slot in LEARNING if given.get(slot) is not None
    ]


def _say_forgotten(slot: str, before: Any, now: Any) -> None:
    """Warn of arguments that a part of the RUN was given and its successor isn't."""
    if not isinstance(before, Mapping) or not isinstance(now, Mapping):
        return
    lost = set(before["init_args"] or {}) - set(now["init_args"] or {})
    if before["class_path"] == now["class_path"] and lost:
        logger.warning(
            "the %s %s is used with its default of %s; that of the RUN has %s: an update without "
            "%s= keeps it",
            slot,
            now["class_path"],
            ", ".join(sorted(lost)),
            before["init_args"],
            slot,
        )


def _users(old: RecommenderState, users: Table | None, log: Interactions) -> UserTable | None:
    """Return the users of a RUN with those of a further table, whose rows replace earlier ones."""
    features = old.users
    if features is None:
        if users is not None:
            logger.warning("the table of users is not used: the RUN has no features of users")
        return None
    catalog = features.catalog
    if users is not None:
        rows = user_catalog(match_users(read_users(users), log), features.columns)
        catalog = rows if catalog is None else merged(catalog, rows, None)
    fitted = features.modalities
    return UserTable(
        {name: one.modality for name, one in fitted.items()},
        catalog,
        {name: one.facts for name, one in fitted.items()},
    )


def merged(old: Catalog, items: Table | Catalog | None, images: str | Path | None) -> Catalog:
    """Return the catalogue with changed rows in their places and new ones at the end."""
    catalog = old.copy()
    if images is not None:
        catalog.images = Path(images)
    if items is not None:
        rows = items if isinstance(items, Catalog) else Catalog(items, catalog.images)
        _check_created(catalog, rows)
        known = np.array([item in catalog for item in rows.ids], dtype=bool)
        if known.any():
            changed = rows.frame.filter(known.tolist())
            catalog.update(changed)
            _say_lost(old, catalog, changed["item_id"].to_list())
        if not known.all():
            catalog.append(rows.frame.filter((~known).tolist()))
    if images is not None:
        _check_folder(old, catalog)
    return catalog


def _check_created(catalog: Catalog, rows: Catalog) -> None:
    """Refuse times that can't be read beside those of the items that keep theirs."""
    kept = catalog.frame.filter([item not in rows for item in catalog.ids])
    if len(kept):
        CreatedTimes(Catalog(kept)).check(catalog.typed(rows.frame))


def _say_lost(old: Catalog, catalog: Catalog, changed: Sequence[Any]) -> None:
    """Warn of changed items that have no image any more."""
    both = [(item, old.image_path(item), catalog.image_path(item)) for item in changed]
    lost = [item for item, before, now in both if before and before.is_file() and now is None]
    if lost:
        have = verb(len(lost), "has", "have")
        logger.warning(
            "%s of the RUN %s an image and %s none after the update, first %r: the new rows name "
            "none; write the names of the images there to keep them",
            *(counted(len(lost), "item"), have, have, lost[0]),
        )


def _check_folder(old: Catalog, catalog: Catalog) -> None:
    """Refuse a new folder of images without those that items keep."""
    paths = zip(old.image_paths(), catalog.image_paths(), strict=False)  # new ones at the end
    kept = [(before, now) for before, now in paths if before and now and before.name == now.name]
    lacking = [now for before, now in kept if before.is_file() and not now.is_file()]
    if lacking:
        raise ValueError(
            f"{catalog.images} must also hold the images of the RUN's items; it lacks "
            f"{len(lacking):,}, first {lacking[0]}: copy them from {old.images}; those "
            f"of items that were added live are in its folder {ADDED}"
        )


def _vocabulary(old: RecommenderState) -> np.ndarray:
    """Return catalogue indices in the order of the id vocabulary; they keep their places."""
    before = np.flatnonzero(old.slots)
    return before[np.argsort(old.slots[before])]
