"""The recommender that is served, as one immutable value."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Num
from torch import Tensor

from mmrec.data import Catalog
from mmrec.models import SequentialModel, check_products
from mmrec.realtime.apply import CatalogEdit, Encoded, moved
from mmrec.realtime.index.index import ItemIndex
from mmrec.realtime.state_updater import StateUpdater
from mmrec.recommender import RecommenderState
from mmrec.recommender.artifact.state import MET, REMOVED


@dataclass(frozen=True)
class Snapshot:
    """A recommender that is served. It is immutable: a change makes a new snapshot.

    A reader takes a reference once per call and never waits; a writer replaces the reference.

    Attributes:
        version: name of the model.
        state: model, catalogue and item vectors, including removed items.
        updater: turns events into the states of users.
        content: the item vectors from the encoders, ``(V + 1, D)``; those of ``state`` may have
            moved away from them by online learning.
        available: which items can be recommended, ``(V + 1,)``.
        unknown: items without training events and without content that the model reads,
            ``(V + 1,)``; a list has those alone that have live events.
        index: finds the best of these items.
    """

    version: str
    state: RecommenderState
    updater: StateUpdater
    content: Float[Tensor, "V1 D"]
    available: Bool[Tensor, " V1"]
    unknown: Bool[Tensor, " V1"]
    index: ItemIndex

    @property
    def model(self) -> SequentialModel:
        """The model, in evaluation mode."""
        return self.state.model

    @property
    def catalog(self) -> Catalog:
        """The items, including removed ones."""
        return self.state.catalog

    @property
    def vectors(self) -> Float[Tensor, "V1 D"]:
        """The vector of every catalogue index."""
        return self.state.vectors

    @property
    def counts(self) -> Num[Tensor, " V1"]:
        """Events of each item, which decide what users without a history get."""
        return self.state.counts

    @property
    def modality_contributions(self) -> Mapping[str, Tensor]:
        """What each modality adds to the vectors."""
        return self.state.modality_contributions

    @classmethod
    def of(
        cls, state: RecommenderState, make_index: Callable[[int], ItemIndex], version: str = ""
    ) -> "Snapshot":
        """Return the first snapshot of a trained recommender.

        All items are available except those that were removed before it was saved.
        """
        check_products(state.model)
        available = state.available
        state = replace(state, model=state.model.eval(), catalog=state.catalog.copy())
        version = version or fingerprint(state.model, state.vectors)
        index = _filled(make_index, state.model, state.vectors, available)
        updater, unknown = _updater(state, version), state.unknown
        return cls(version, state, updater, state.vectors, available, unknown, index)

    def with_model(
        self,
        model: SequentialModel,
        vectors: Tensor,
        counts: Tensor,
        version: str,
        make_index: Callable[[int], ItemIndex],
    ) -> "Snapshot":
        """Return a snapshot of the same items with other weights, vectors and counts."""
        state = replace(self.state, model=model.eval(), vectors=vectors, counts=counts)
        index = _filled(make_index, model, vectors, self.available)
        return replace(
            self, version=version, state=state, updater=_updater(state, version), index=index
        )

    def with_edit(self, edit: CatalogEdit, encoded: Encoded) -> "Snapshot":
        """Return a snapshot after changes of items. Learned vectors keep what they have learned.

        Args:
            edit: the changes of the state of this snapshot.
            encoded: vectors and contributions of ``edit.stale``.
        """
        (vectors, contributions), indices = encoded, edit.stale
        if not len(indices):  # no vector is copied
            state, content = replace(self.state, catalog=edit.catalog), self.content
            unknown = self.unknown
        else:
            count = len(edit.catalog) + 1 - len(self.content)
            rows = torch.from_numpy(indices)
            before = F.pad(self.content, (0, 0, 0, count))
            content = before.index_copy(0, rows, vectors.to(before))
            learned = F.pad(self.vectors, (0, 0, 0, count))[rows]
            served = moved(learned, before[rows], vectors.to(before))
            state = self.state.with_catalog(edit.catalog, indices, served, contributions)
            unknown = F.pad(self.unknown, (0, count)).index_copy(0, rows, state.unknown_among(rows))
        available, state = self._available(edit), state.with_dates(edit.dated)
        return replace(self, state=state, content=content, available=available, unknown=unknown)

    def _available(self, edit: CatalogEdit) -> Bool[Tensor, " V1"]:
        count = len(edit.catalog) + 1 - len(self.available)
        if not count and not edit.available:
            return self.available
        available = F.pad(self.available, (0, count), value=True)
        rows = torch.tensor(list(edit.available)).long()
        return available.index_copy(0, rows, torch.tensor(list(edit.available.values())).bool())

    @torch.inference_mode()
    def at_request(self, interest: Float[Tensor, "1 H"], since: float) -> Float[Tensor, "1 H"]:
        """Return an interest ``since`` seconds after the last event; negative = unknown."""
        return self.model.at_request(interest, torch.tensor([since], device=interest.device))

    def to_state(self, unknown: Bool[Tensor, " V1"] | None = None) -> RecommenderState:
        """Return a state that can be saved and served again.

        Args:
            unknown: items of which nothing is known, with live events counted; those of this
                snapshot by default.
        """
        about = dict(self.state.about)
        gone = torch.nonzero(~self.available).flatten()[1:]  # index 0 is padding
        about[REMOVED] = self.catalog.ids_of(gone.tolist())
        if unknown is not None:
            met = torch.nonzero(self.unknown & ~unknown).flatten()
            about[MET] = [*about.get(MET, []), *self.catalog.ids_of(met.tolist())]
        return replace(self.state, about=about)


def apply_edit(
    now: Snapshot, after: Snapshot, edit: CatalogEdit, publish: Callable[[Snapshot], None]
) -> None:
    """Publish the snapshot after changes of items, and update its index.

    A reader must never find an item that it can't look up: what is removed leaves the index before
    the snapshot is published, and what is new enters it afterwards.
    """
    count = len(after.available) - len(now.available)
    before = F.pad(now.available, (0, count), value=False)
    changed = torch.tensor([*edit.stale.tolist(), *edit.available]).long().unique()
    was, now_is = before[changed], after.available[changed]
    if (gone := was & ~now_is).any():
        now.index.remove(changed[gone])
    publish(after)
    stale = torch.isin(changed, torch.from_numpy(edit.stale))
    for write, keys in (
        (after.index.add, changed[now_is & ~was]),
        (after.index.update, changed[now_is & was & stale]),
    ):
        if len(keys):
            write(keys, index_vectors(after.model, after.vectors[keys]))


@torch.inference_mode()
def index_vectors(model: SequentialModel, vectors: Float[Tensor, "N D"]) -> Float[Tensor, "N K"]:
    """Return the vectors that an index holds: their product with a query is the score."""
    return model.scorer.index_vectors(vectors).contiguous()


def fingerprint(model: SequentialModel, vectors: Tensor) -> str:
    """Return a short hash of a model's weights and item vectors."""
    digest = hashlib.sha256()
    for tensor in [*model.state_dict().values(), vectors]:
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def _updater(state: RecommenderState, version: str) -> StateUpdater:
    if state.users is not None:  # a session holds what it started from
        table = state.users.vectors.cpu().contiguous().numpy().tobytes()
        version = f"{version}.{hashlib.sha256(table).hexdigest()[:12]}"
    return StateUpdater(state.model.interest, version, state.reader, state.users)


def _filled(
    make_index: Callable[[int], ItemIndex],
    model: SequentialModel,
    vectors: Tensor,
    available: Tensor,
) -> ItemIndex:
    """Return an index of the available items."""
    keys = torch.nonzero(available).flatten()
    found = index_vectors(model, vectors[keys])
    index = make_index(found.shape[1])
    index.add(keys, found)
    return index
