"""Everything that a reader needs, unchanged for as long as it is being read."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Num
from torch import Tensor

from mmrec.data import Catalog
from mmrec.models import SequentialModel
from mmrec.realtime.index.index import ItemIndex
from mmrec.realtime.state_updater import StateUpdater
from mmrec.recommender.recommender import Recommender

REMOVED = "removed"
"""In the ``config`` of a saved live recommender: ids that are recommended no more."""


@dataclass(frozen=True)
class Snapshot:
    """A model with a catalogue. Whoever changes something makes another snapshot.

    A reader takes the reference once and is never blocked; a writer swaps it.

    Attributes:
        version: names the model.
        model: in evaluation mode.
        updater: makes sessions of this model.
        catalog: the items, those that were removed included.
        vectors: the vector of every catalogue index, ``(V + 1, D)``.
        content: what the encoders gave, from which learning may have moved the vectors away.
        counts: events of each item, by which someone without a history is served, ``(V + 1,)``.
        available: which items can be recommended, ``(V + 1,)``.
        index: finds the best of these items.
        modality_contributions: what each modality adds to the vectors, ``(V + 1, D)``.
    """

    version: str
    model: SequentialModel
    updater: StateUpdater
    catalog: Catalog
    vectors: Float[Tensor, "V1 D"]
    content: Float[Tensor, "V1 D"]
    counts: Num[Tensor, " V1"]
    available: Bool[Tensor, " V1"]
    index: ItemIndex
    modality_contributions: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(
        cls, recommender: Recommender, make_index: Callable[[int], ItemIndex], version: str = ""
    ) -> "Snapshot":
        """Return the first snapshot of a trained recommender.

        All its items are available, but for those that were removed before it was saved.
        """
        model, vectors = recommender.model.eval(), recommender.vectors
        version = version or fingerprint(model, vectors)
        updater = StateUpdater(
            model.interest,
            version,
            event_types=recommender.config["event_types"],
            drop_repeats=recommender.options.drop_repeats,
        )
        available = torch.arange(len(vectors)) > 0
        removed = recommender.catalog.indices_of(recommender.config.get(REMOVED, []))
        available[torch.from_numpy(removed)] = False
        keys = torch.nonzero(available).flatten()
        found = index_vectors(model, vectors[keys])
        index = make_index(found.shape[1])
        index.add(keys, found)
        catalog = recommender.catalog.copy()
        return cls(
            version,
            model,
            updater,
            catalog,
            vectors,
            vectors,
            recommender.counts,
            available,
            index,
            recommender.modality_contributions,
        )

    def with_model(
        self,
        model: SequentialModel,
        vectors: Tensor,
        counts: Tensor,
        version: str,
        make_index: Callable[[int], ItemIndex],
    ) -> "Snapshot":
        """Return a snapshot of the same items with what was learned since."""
        updater = StateUpdater(
            model.interest,
            version,
            event_types=self.updater.event_types,
            drop_repeats=self.updater.drop_repeats,
        )
        keys = torch.nonzero(self.available).flatten()
        found = index_vectors(model, vectors[keys])
        index = make_index(found.shape[1])
        index.add(keys, found)
        return replace(
            self,
            version=version,
            model=model.eval(),
            updater=updater,
            vectors=vectors,
            counts=counts,
            index=index,
        )

    def with_items(
        self, catalog: Catalog, vectors: Tensor, contributions: dict[str, Tensor]
    ) -> "Snapshot":
        """Return a snapshot with further items at the end of the catalogue."""
        count = len(vectors)
        return replace(
            self,
            catalog=catalog,
            vectors=torch.cat([self.vectors, vectors.to(self.vectors)]),
            content=torch.cat([self.content, vectors.to(self.content)]),
            counts=F.pad(self.counts, (0, count)),
            available=F.pad(self.available, (0, count), value=True),
            modality_contributions={
                n: torch.cat([s, contributions[n].to(s)])
                for n, s in self.modality_contributions.items()
            },
        )

    def with_changes(
        self,
        catalog: Catalog,
        indices: np.ndarray,
        vectors: Tensor,
        contributions: dict[str, Tensor],
    ) -> "Snapshot":
        """Return a snapshot in which some items have other content, and are available."""
        rows = torch.from_numpy(indices)
        return replace(
            self,
            catalog=catalog,
            vectors=self.vectors.index_copy(0, rows, vectors.to(self.vectors)),
            content=self.content.index_copy(0, rows, vectors.to(self.content)),
            available=self.available.index_fill(0, rows, True),
            modality_contributions={
                n: s.index_copy(0, rows, contributions[n].to(s))
                for n, s in self.modality_contributions.items()
            },
        )

    def without_items(self, indices: np.ndarray) -> "Snapshot":
        """Return a snapshot in which some items can't be recommended."""
        rows = torch.from_numpy(indices)
        return replace(self, available=self.available.index_fill(0, rows, False))


@torch.inference_mode()
def index_vectors(model: SequentialModel, vectors: Float[Tensor, "N D"]) -> Float[Tensor, "N K"]:
    """Return what an index holds of items: what their product with a query scores."""
    keys: Tensor = model.scorer.index_vectors(vectors)
    return keys.contiguous()


def fingerprint(model: SequentialModel, vectors: Tensor) -> str:
    """Return a name for what a model has learned: equal for equal weights and item vectors."""
    digest = hashlib.sha256()
    for tensor in [*model.state_dict().values(), vectors]:
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
