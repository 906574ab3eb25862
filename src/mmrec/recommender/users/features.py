"""The features of users in a trained recommender."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.data import Catalog, GivenId, Source, Split
from mmrec.data.wording import some_meant
from mmrec.models import ItemEncoder, SequentialModel, encode_catalog
from mmrec.recommender.content import FittedModality

AskedUser = GivenId | Mapping[str, Any] | None
"""A user of the table, or features by column; None for a user of whom nothing is known."""


@dataclass(frozen=True)
class UserFeatures:
    """What is known of users besides their events.

    Attributes:
        modalities: the modalities of a user, with what a RUN keeps of each.
        catalog: the users, with ``item_id`` for their ids and the columns that are read; None if
            the table was removed.
        known: which rows have a feature, ``(U + 1,)``; row 0 is for no user.
        vectors: the vector of each row, ``(U + 1, D)``.
    """

    modalities: Mapping[str, FittedModality]
    catalog: Catalog | None
    known: Bool[np.ndarray, " U1"]
    vectors: Float[Tensor, "U1 D"]

    @classmethod
    def of(
        cls, modalities: Mapping[str, FittedModality], catalog: Catalog | None, tower: ItemEncoder
    ) -> "UserFeatures":
        """Return the features of a table of users, encoded by the tower of a model."""
        if catalog is None:
            device = next(tower.parameters()).device
            nobody = torch.zeros(1, tower.dim, device=device)
            return cls(modalities, None, np.zeros(1, dtype=bool), nobody)
        sources = sources_of(modalities, catalog, tower)[0]
        known = known_rows(sources)
        return cls(modalities, catalog, known, encode_catalog(tower, sources, len(catalog)))

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        read = [name for fitted in self.modalities.values() for name in fitted.columns_read]
        return list(dict.fromkeys(read))

    def find(self, user: GivenId) -> int:
        """Return the row of a user, 0 if nothing is known of the user."""
        row = 0 if self.catalog is None else self.catalog.find(user)
        return row if self.known[row] else 0

    def rows_of(self, users: Sequence[GivenId]) -> Int[np.ndarray, " N"]:
        """Return the row of each user, 0 if nothing is known of the user."""
        return np.array([self.find(user) for user in users], dtype=np.int64)

    def labelled(self, split: Split) -> Split:
        """Return a split whose users have their rows."""
        rows = self.rows_of(split.sequences.users)
        return replace(split, sequences=replace(split.sequences, user_rows=rows))

    def asked(
        self, model: SequentialModel, users: Sequence[AskedUser]
    ) -> tuple[Float[Tensor, "R D"], Int[Tensor, " B"]]:
        """Return the vectors for some requests, and the row of each, 0 = nothing is known.

        Raises:
            ValueError: a user is not in the table, or a column is unknown or has a wrong value.
        """
        more: list[Tensor] = []
        rows: list[int] = []
        for user in users:
            made = None
            if isinstance(user, Mapping):
                made = self._encoded(model, user)
                rows.append(0 if made is None else len(self.vectors) + len(more))
            else:
                rows.append(0 if user is None else self._row(user))
            more += [] if made is None else [made.to(self.vectors)]
        return torch.cat([self.vectors, *more]), torch.tensor(rows)

    def without(self, users: Sequence[GivenId]) -> "UserFeatures":
        """Return the features of the other users."""
        gone = [] if self.catalog is None else [row for u in users if (row := self.catalog.find(u))]
        if self.catalog is None or not gone:
            return self
        kept = np.setdiff1d(np.arange(1, len(self.catalog) + 1), gone)
        catalog = self.catalog.take(kept) if len(kept) else None
        rows = np.concatenate([[0], kept])
        return replace(
            self, catalog=catalog, known=self.known[rows], vectors=self.vectors[rows.tolist()]
        )

    def to(self, device: str | torch.device) -> "UserFeatures":
        """Return the features with their vectors on a device."""
        return replace(self, vectors=self.vectors.to(device))

    def _row(self, user: GivenId) -> int:
        if self.catalog is None or not self.catalog.find(user):
            raise ValueError(
                f"user must be in the table of users, or a mapping with its columns "
                f"{self.columns}; got {user!r}"
            )
        return self.find(user)

    def _encoded(self, model: SequentialModel, user: Mapping[str, Any]) -> Tensor | None:
        """Return the vector of features by column, ``(1, D)``; None if none has a known value."""
        unknown = sorted(set(user) - set(self.columns))
        if unknown or model.users is None:
            raise ValueError(
                f"user must have columns among {self.columns}; got also {unknown}"
                f"{some_meant(map(str, unknown), self.columns)}"
            )
        row = Catalog({"item_id": [0], **{name: [value] for name, value in user.items()}})
        sources, problems = sources_of(self.modalities, row, model.users)
        if problems:
            raise ValueError(f"user: {problems[0]}")
        if not known_rows(sources)[1]:
            return None
        return encode_catalog(model.users, sources, 1)[1:]


def sources_of(
    modalities: Mapping[str, FittedModality], catalog: Catalog, tower: ItemEncoder
) -> tuple[dict[str, Source], list[str]]:
    """Return the inputs of a tower for users, and why values are left out."""
    sources, problems = dict[str, Source](), list[str]()
    nobody = np.zeros(len(catalog), dtype=np.int64)
    for name, fitted in modalities.items():
        sources[name], wrong = fitted.modality.source_of(
            catalog, tower.encoders[name], fitted.facts, nobody
        )
        problems += wrong.values()
    return sources, problems


def known_rows(sources: Mapping[str, Source]) -> Bool[np.ndarray, " U1"]:
    """Return which rows have a feature."""
    known: np.ndarray = np.any([source.present for source in sources.values()], axis=0)
    return known
