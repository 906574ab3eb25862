"""Whether, and how, a training uses a table of users."""

import logging

import polars as pl

from mmrec.data import Split
from mmrec.recommender.options import Options
from mmrec.recommender.parts import SLOTS
from mmrec.recommender.pipeline.assemble import Recipe, known_sizes
from mmrec.recommender.users import UserTable, choose_features, user_catalog
from mmrec.recommender.users.fitting import trained_users

log = logging.getLogger(__name__)


def plan_users(
    users: pl.DataFrame | None, options: Options, recipe: Recipe, split: Split
) -> UserTable | None:
    """Return what a training reads of a table of users; None if it uses none.

    Where features can't be used, they are refused if ``options.user_features`` names them;
    otherwise a line says why the table is not used.

    Raises:
        ValueError: features are named and can't be used.
    """
    wanted = options.user_features
    if wanted == ():
        return None
    if users is None:
        if wanted:
            raise ValueError(f"user_features={list(wanted)} needs a table of users; got none")
        return None
    trained = users.filter(users["user_id"].is_in(trained_users(split)))
    reason = _why_not(trained, options, recipe, split)
    if reason is None:
        modalities = choose_features(trained, wanted)
        read = [c for m in modalities.values() for c in getattr(m, "columns", None) or ()]
        if modalities:
            return UserTable(modalities, user_catalog(users, read))
        reason = "no column is a feature"
    if wanted:
        raise ValueError(f"features of users can't be used: {reason}")
    log.warning("the table of users is not used: %s", reason)
    return None


def _why_not(trained: pl.DataFrame, options: Options, recipe: Recipe, split: Split) -> str | None:
    """Return why a training can't use features of the users with training events, if so."""
    if trained.is_empty():
        return "no user of the table has training events"
    if options.epsilon is not None:
        return "training with privacy reads events alone"
    known = known_sizes(recipe, options, split.sequences.event_types)["interest"]
    interest = SLOTS["interest"].create(recipe.of("interest"), known)
    if (window := getattr(interest, "window", None)) is not None:
        return (
            f"{type(interest).__name__} reads the last {window} events alone; use gru4rec, lrurec, "
            f"narm or mean"
        )
    return None
