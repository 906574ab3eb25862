"""A trained recommender as one value, which is saved, served, exported and updated."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from torch import Tensor

from mmrec.affinities import Counted, grown
from mmrec.data import Catalog, EventReader, Split, Where
from mmrec.data.given_columns import columns_given
from mmrec.data.inherited import TableReading
from mmrec.models import CatalogScorer, SequentialModel
from mmrec.recommender.content import FittedModality, encode_rows
from mmrec.recommender.options import Options
from mmrec.recommender.parts import PartSpec
from mmrec.recommender.quotas import AtMost, Quotas
from mmrec.recommender.requests import When, as_seconds
from mmrec.recommender.users import UserFeatures
from mmrec.trends import ItemEvents, Trend, created_times

TIMED = "timed"
"""In ``about``: whether events had times."""

REMOVED = "removed"
"""In ``about``: ids that are recommended no more."""

MET = "met"
"""In ``about``: ids of which live events alone say something; they are recommended."""


@dataclass(frozen=True)
class RecommenderState:
    """All that a trained recommender consists of; a change makes a new state.

    Attributes:
        options: the options that it was trained with.
        recipe: what was given for each slot, in plain JSON values.
        specs: the class and arguments of each part, from which a RUN makes the model again.
        modalities: the modalities, with what a RUN keeps of each.
        model: the trained model.
        catalog: the items.
        vectors: the vector of every catalogue index, ``(V + 1, D)``.
        counts: training events of every catalogue index, ``(V + 1,)``.
        slots: position in the id vocabulary of every catalogue index, 0 = none, ``(V + 1,)``.
        event_types: names of the event types; number ``k`` is ``event_types[k - 1]``.
        report: how training and evaluation went.
        targets: the rank of each test target, see :func:`mmrec.evaluation.target_table`, or None.
        modality_contributions: what each modality that is read adds to ``vectors``, ``(V + 1, D)``.
        trend: what is popular now, and how old items are; None without times.
        about: further facts for ``config.json``: where the data lies, which items were removed.
        users: features of users; None if the model reads none.
        neighbours: affinities that are counted in the log, such as items that the same users took.
        given: what ``fit`` was given, from which ``run.yaml`` repeats it; empty if it was not made
            by one call of ``fit``.
    """

    options: Options
    recipe: Mapping[str, Any]
    specs: Mapping[str, PartSpec]
    modalities: Mapping[str, FittedModality]
    model: SequentialModel
    catalog: Catalog
    vectors: Tensor
    counts: Tensor
    slots: np.ndarray
    event_types: tuple[str, ...] = ()
    report: Mapping[str, Any] = field(default_factory=dict)
    targets: pl.DataFrame | None = None
    modality_contributions: Mapping[str, Tensor] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    trend: Trend | None = None
    users: UserFeatures | None = None
    neighbours: tuple[Counted, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def available(self) -> Tensor:
        """Which catalogue indices can be recommended, ``(V + 1,)``: those not removed live."""
        available = torch.arange(len(self.vectors)) > 0
        available[torch.from_numpy(self.catalog.indices_of(self.about.get(REMOVED, [])))] = False
        return available

    @cached_property
    def unknown(self) -> Bool[Tensor, " V1"]:
        """Items without events, live ones too, of which the model reads no content, ``(V + 1,)``.

        All of them have one score, so no list has them. If the model reads no content of any item,
        there are none: whoever names ids alone knows that new items have nothing.
        """
        return self.unknown_among(torch.arange(len(self.vectors)))

    def unknown_among(self, indices: Int[Tensor, " N"]) -> Bool[Tensor, " N"]:
        """Return which of some catalogue indices are :attr:`unknown`."""
        indices = indices.to(self.vectors.device)
        unknown = (self.counts[indices] == 0) & (indices > 0)
        if self.trend is not None:  # live events are counted there
            unknown &= torch.from_numpy(self.trend.value == 0).to(unknown.device)[indices]
        given = self.modality_contributions
        read = [
            given[name]
            for name, fitted in self.modalities.items()
            if fitted.modality.has_content and name in given
        ]
        for added in read:
            unknown &= (added[indices] == 0).all(dim=1)  # nothing is what is not there
        if met := self.about.get(MET):
            there = torch.from_numpy(self.catalog.indices_of(met)).to(unknown.device)
            unknown &= ~torch.isin(indices, there)
        return unknown if read else torch.zeros_like(unknown)

    @property
    def columns_read(self) -> frozenset[str]:
        """The columns that modalities read, also those that the catalogue lacks so far."""
        return frozenset(c for fitted in self.modalities.values() for c in fitted.columns_read)

    @property
    def timed(self) -> bool:
        """Whether the events of the training had times, rather than positions."""
        return bool(self.about.get(TIMED, True))

    def time_of(self, at: When | None) -> float | None:
        """Return the time of a request in unix seconds: ``at``, or now; None without times."""
        if not self.timed:
            return None
        return time.time() if at is None else as_seconds(at)

    def where(
        self, conditions: Where | None, at: float | None, catalog: Catalog | None = None
    ) -> Bool[np.ndarray, " V1"]:
        """Return which items satisfy conditions, see :meth:`mmrec.data.Catalog.where`.

        An error names our name of a column if the condition has that of the tables of the training.

        Args:
            conditions: the conditions; None for all items.
            at: the time that ages refer to, in unix seconds; now by default.
            catalog: the items; those of this state by default.
        """
        items = self.catalog if catalog is None else catalog
        with columns_given(TableReading.of(self.about, self.given).columns):
            return items.where({} if conditions is None else conditions, at)

    def quotas(self, at_most: AtMost | None, catalog: Catalog | None = None) -> Quotas | None:
        """Return how many items of a list may have the same value; None if there is no limit.

        Args:
            at_most: the number by column.
            catalog: the items; those of this state by default.

        Raises:
            ValueError: a column is missing, or a number is not a whole one of 1 or more.
        """
        if at_most is None:
            return None
        with columns_given(TableReading.of(self.about, self.given).columns):
            quotas = Quotas(self.catalog if catalog is None else catalog, at_most)
        return quotas if at_most else None

    @cached_property
    def reader(self) -> EventReader:
        """Decides which events of a user the model reads, and as what."""
        return EventReader(self.options.event_rules, self.event_types)

    @property
    def scorer(self) -> CatalogScorer:
        """The model with this catalogue."""
        users = None if self.users is None else self.users.vectors
        return CatalogScorer(
            self.model,
            self.vectors,
            self.counts,
            trend=self.trend,
            users=users,
            terms=[one for one in self.neighbours if one.weight],
            negative_types=self.reader.negative_types,
        )

    @property
    def learned_scorer(self) -> CatalogScorer:
        """The scorer without trend and counted affinities: where an ``OnlineLearner`` starts.

        A learner changes neither of them, and its scores hold neither.
        """
        return replace(self, trend=None, neighbours=()).scorer

    def labelled(self, split: Split) -> Split:
        """Return a split whose users have their rows in the table of users, if there is one."""
        return split if self.users is None else self.users.labelled(split)

    def encode(
        self,
        items: Catalog,
        features: Mapping[str, np.ndarray] | None = None,
        slots: np.ndarray | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return vectors of items, ``(N, D)``, and what each modality adds; see `encode_rows`."""
        return encode_rows(self.model, self.modalities, items, features=features, slots=slots)

    def with_items(
        self, rows: pl.DataFrame, vectors: Tensor, contributions: Mapping[str, Tensor]
    ) -> "RecommenderState":
        """Return a state with further items at the end of the catalogue.

        Raises:
            ValueError: an id is in the catalogue already, or a column has another type.
        """
        catalog = self.catalog.copy()
        indices = np.asarray(catalog.append(rows))
        state = self.with_catalog(catalog, indices, vectors, contributions)
        near = tuple(grown(one, len(catalog)) for one in self.neighbours)
        return replace(state, neighbours=near)

    def with_catalog(
        self,
        catalog: Catalog,
        indices: np.ndarray,
        vectors: Tensor,
        contributions: Mapping[str, Tensor],
    ) -> "RecommenderState":
        """Return a state with changed items, and with more of them at the end.

        Args:
            catalog: the items after the change.
            indices: catalogue indices of all new items, and of those with another vector.
            vectors: their vectors, ``(N, D)``.
            contributions: what each modality adds to these.
        """
        state = replace(self, catalog=catalog)
        if not len(indices):
            return state
        count = len(catalog) + 1 - len(self.vectors)
        rows = torch.from_numpy(indices).to(self.vectors.device)
        return replace(
            state,
            trend=_grown(self.trend, catalog, count),
            vectors=_written(self.vectors, count, rows, vectors),
            counts=F.pad(self.counts, (0, count)),
            slots=np.pad(self.slots, (0, count)),
            modality_contributions={
                name: _written(added, count, rows, contributions[name])
                for name, added in self.modality_contributions.items()
                if name in contributions
            },
        )

    def with_dates(self, indices: Int[np.ndarray, " N"]) -> "RecommenderState":
        """Return a state whose trend has the dates that some items of the catalogue have now.

        An item without a date exists from its first event.
        """
        if self.trend is None or not len(indices):
            return self
        told = created_times(self.catalog.frame[(indices - 1).tolist()], _no_events())[1:]
        return replace(self, trend=self.trend.with_dates(indices, told))

    def to(self, device: str | torch.device) -> "RecommenderState":
        """Return the state with its tensors on a device; the model is moved in place."""
        return replace(
            self,
            model=self.model.to(device),
            vectors=self.vectors.to(device),
            counts=self.counts.to(device),
            users=None if self.users is None else self.users.to(device),
            modality_contributions={
                name: added.to(device) for name, added in self.modality_contributions.items()
            },
        )


def _written(table: Tensor, count: int, rows: Tensor, values: Tensor) -> Tensor:
    """Return a table with ``count`` more rows, and with values in some rows."""
    return F.pad(table, (0, 0, 0, count)).index_copy_(0, rows, values.to(table))


def _grown(trend: Trend | None, catalog: Catalog, count: int) -> Trend | None:
    """Return a trend with ``count`` more items; one without a date of its own exists from now."""
    if trend is None or not count:
        return trend
    created = created_times(catalog.frame, _no_events())[-count:]
    return trend.with_items(np.where(np.isnan(created), time.time(), created))


def _no_events() -> ItemEvents:
    return ItemEvents(np.zeros(0, dtype=np.int64), np.zeros(0))
