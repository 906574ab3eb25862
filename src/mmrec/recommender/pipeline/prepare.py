"""From tables, options and parts to a plan of a training with new weights."""

import logging
from typing import Any

import numpy as np

from mmrec.data import Dataset
from mmrec.layers import seeded
from mmrec.recommender.config import plain_given
from mmrec.recommender.content import Modality, modalities_of, those_of, unread_numbers
from mmrec.recommender.options import Options, checked_options
from mmrec.recommender.parts import Parts
from mmrec.recommender.pipeline.assemble import Recipe
from mmrec.recommender.pipeline.data import split_log
from mmrec.recommender.pipeline.learning_rate import learning_rate
from mmrec.recommender.pipeline.plan import Plan
from mmrec.recommender.pipeline.train import check_devices
from mmrec.recommender.pipeline.users import plan_users

log = logging.getLogger(__name__)


def check_given(options: Options | None, recipe: Recipe) -> tuple[Options, dict[str, Modality]]:
    """Check what needs no data; return the options and the modalities that they name.

    Raises:
        ValueError: an option or a part is wrong.
    """
    options = checked_options(options)
    check_devices(options.devices)
    recipe.to_dict()  # refuses what is no part
    with seeded(options.seed):  # factories of encoders may draw their weights
        return options, modalities_of(options, recipe.given.get("encoders"))


def describe_given(options: Options, parts: Parts, **places: Any) -> dict[str, Any]:
    """Return what ``fit`` was given in plain values by key, for the ``run.yaml`` of a RUN.

    Args:
        options: the options; those that are set are kept.
        parts: what was given for each slot.
        **places: further arguments; those that YAML has no plain value for are left out.
    """
    recipe = Recipe(parts).to_dict()
    slots = {slot: recipe[slot] for slot, part in parts.items() if part is not None}
    return plain_given(options, slots, places)


def make_plan(
    data: Dataset, options: Options, recipe: Recipe, modalities: dict[str, Modality]
) -> Plan:
    """Return what is trained on what: the split, the modalities that items have, the users.

    Args:
        data: events, items and users; the catalogue becomes that of the recommender.
        options: numbers and choices.
        recipe: what was given for each slot.
        modalities: those that the options name, see :func:`check_given`.

    Raises:
        ValueError: the log can't be split, or no item has a modality.
    """
    catalog = data.catalog
    if options.modalities is None:
        modalities = those_of(catalog, modalities, recipe.given.get("encoders") or (), options)
        options = options.replace(modalities=tuple(modalities))
        for _, why in unread_numbers(catalog).values():
            log.warning("items: %s", why)
    split = split_log(data.interactions, options, catalog)
    options = options.replace(lr=learning_rate(split, options))
    # With privacy, which items have events is secret too: features are scaled over all items.
    private = options.epsilon is not None
    known = np.arange(1, len(catalog) + 1 if private else 1)
    people = plan_users(data.users, options, recipe, split)
    return Plan(options, recipe, modalities, catalog, split, known, users=people)
