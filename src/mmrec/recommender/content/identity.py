"""The id of an item as a modality: an embedding for each item with training events."""

from typing import Any

import numpy as np
from torch import nn

from mmrec.data import Catalog, Source, TableSource, id_source
from mmrec.encoders import IdEncoder
from mmrec.layers import record_init_args
from mmrec.recommender.content.modality import Context, Facts, Prepared


@record_init_args
class IdModality:
    """The id of an item. An item without training events has no id vector."""

    has_content = False

    def columns_read(self, facts: Facts) -> tuple[str, ...]:
        """Return no columns: the id of an item never changes."""
        return ()

    def prepare(self, catalog: Catalog, context: Context) -> Prepared:
        """Give each trained item a position in the vocabulary."""
        vocabulary = {int(item): slot + 1 for slot, item in enumerate(context.trained)}
        facts = {"vocabulary_size": len(vocabulary), "dim": context.dim}
        return Prepared(id_source(vocabulary, len(catalog)), self.rebuild(facts), facts)

    def rebuild(self, facts: Facts) -> IdEncoder:
        """Make an embedding of the vocabulary's size."""
        return IdEncoder(facts["vocabulary_size"], facts["dim"])

    def facts_of(self, catalog: Catalog, encoder: nn.Module) -> dict[str, Any]:
        """Return the size of the embedding."""
        if not isinstance(encoder, IdEncoder):
            raise ValueError(f"IdModality expects an IdEncoder; got {type(encoder).__name__}")
        return {"vocabulary_size": encoder.vocabulary_size, "dim": encoder.dim}

    def source_of(
        self, items: Catalog, encoder: nn.Module, facts: Facts, slots: np.ndarray
    ) -> tuple[Source, dict[int, str]]:
        """Return the vocabulary positions of items."""
        table = np.pad(slots, (1, 0)).astype(np.int64)
        return TableSource(table, table > 0), {}
