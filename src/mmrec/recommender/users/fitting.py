"""Features of users for training: a table, and the tower that encodes it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from mmrec.data import Catalog, ItemId, Source, Split
from mmrec.data.wording import counted, verb
from mmrec.encoders import Encoder
from mmrec.fusion import ConcatFusion
from mmrec.models import ItemEncoder
from mmrec.models.checks import widths
from mmrec.recommender.content import Context, FittedModality, Modality
from mmrec.recommender.content.modality import Facts
from mmrec.recommender.users.features import UserFeatures, known_rows

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UserTable:
    """A table of users that is to be trained on.

    Attributes:
        modalities: what is read of it, by name.
        catalog: the users, see :func:`mmrec.recommender.users.user_catalog`; None if an updated
            recommender has no table any more.
        before: the facts of the recommender that is updated, by modality.
    """

    modalities: Mapping[str, Modality]
    catalog: Catalog | None
    before: Mapping[str, Facts] = field(default_factory=dict)


@dataclass(frozen=True)
class FittedUsers:
    """A table of users, ready to train on.

    Attributes:
        features: the features; their vectors are still zeros.
        sources: the inputs of the tower, by modality.
        tower: encodes them; its weights are to be trained.
    """

    features: UserFeatures
    sources: dict[str, Source]
    tower: ItemEncoder


def fit_users(
    table: UserTable, split: Split, dim: int, dropout: float = 0.0, *, warn: bool = True
) -> FittedUsers:
    """Read a table of users; values and quantiles are those of users with training events.

    Args:
        table: the table.
        split: labelled events.
        dim: width of the vectors.
        dropout: probability that a user is trained without one of several modalities.
        warn: whether to warn of values that are left out.

    Raises:
        ValueError: no user of the table has training events, or none of them has a feature.
    """
    facts: Mapping[str, Facts] = table.before
    sources: dict[str, Source] = {}
    encoders: dict[str, Encoder]
    if table.catalog is None:
        encoders = {n: made.rebuild(facts[n]) for n, made in table.modalities.items()}  # type: ignore[misc]
    else:
        sources, encoders, facts = _prepared(table, table.catalog, split, dim, warn)
    fitted = {name: FittedModality(made, facts[name]) for name, made in table.modalities.items()}
    known = known_rows(sources) if sources else np.zeros(1, dtype=bool)
    features = UserFeatures(fitted, table.catalog, known, torch.zeros(len(known), dim))
    return FittedUsers(features, sources, user_tower(encoders, dim, dropout))


def user_tower(encoders: Mapping[str, Encoder], dim: int, dropout: float = 0.0) -> ItemEncoder:
    """Return what encodes users: the tower of items, with the modalities of users."""
    return ItemEncoder(encoders, ConcatFusion(widths(encoders), dim), modality_dropout=dropout)


def trained_users(split: Split) -> list[ItemId]:
    """Return the ids of the users with training events."""
    counts = np.diff(split.train.offsets)
    return [user for user, count in zip(split.sequences.users, counts, strict=True) if count]


def _prepared(
    table: UserTable, catalog: Catalog, split: Split, dim: int, warn: bool
) -> tuple[dict[str, Source], dict[str, Encoder], dict[str, Facts]]:
    rows = np.array([catalog.find(user) for user in trained_users(split)], dtype=np.int64)
    trained = np.unique(rows[rows > 0])
    if not len(trained) and not table.before:
        raise ValueError("users must have training events; no user of the table has one")
    sources, encoders, facts = dict[str, Source](), dict[str, Encoder](), dict[str, Facts]()
    for name, modality in table.modalities.items():
        how = Context(dim, trained, before=table.before.get(name))
        try:
            made = modality.prepare(catalog, how)
        except ValueError as error:
            # A modality takes its rows for items.
            said = str(error).replace("trained item", "user with training events")
            raise ValueError(f"features of users: {said}") from error
        sources[name], encoders[name], facts[name] = made.source, made.encoder, made.facts
        if made.problems and warn:
            count, first = len(made.problems), next(iter(made.problems.values()))
            lost = f"{counted(count, 'value')} {verb(count, 'is', 'are')}"
            log.warning("users: %s: %s left out, first: %s", name, lost, first)
    return sources, encoders, facts
