"""Semantic ids as a modality: what an item shares with those that resemble it."""

from dataclasses import replace
from math import isqrt
from typing import Any, cast

import numpy as np
from torch import Tensor, nn

from mmrec.data import Catalog, Source
from mmrec.encoders import FeatureEncoder, QuantizedEncoder
from mmrec.layers import record_init_args
from mmrec.recommender.content.modality import Context, Facts, Modality, Prepared
from mmrec.recommender.content.pretrained import PretrainedModality


@record_init_args
class SemanticModality:
    """The semantic id of an item, from the frozen vectors of another modality.

    A vector becomes a few codes, coarse to fine. Each prefix of the codes has a learned vector, and
    an item has the sum of those of its prefixes, see :class:`mmrec.encoders.QuantizedEncoder`. So
    it is an id that a new item has too: it shares the vectors of items that it resembles. What
    ``"id"`` learns of one item alone, it does not.

    Codebooks are fitted to the trained items, and kept in the RUN with the weights. Items that come
    later get their codes from them.

    Args:
        base: the modality whose vectors are quantized: a text, an image or vectors, frozen.
        levels: codes of an item.
        size: codes in a level; by default the root of the number of trained items that have a
            vector, from 4 to 256, so that items share codes.
        rows: most rows of a level, see :class:`mmrec.encoders.SemanticIdEncoder`.

    Raises:
        ValueError: a number is below 1, or the encoder of ``base`` is trained.

    Example:
        >>> from mmrec.recommender.content import VectorsModality
        >>> catalog = Catalog({"item_id": ["a", "b"], "clip": [[0.5, 2.0], [0.0, 1.0]]})
        >>> modality = SemanticModality(VectorsModality("clip"), levels=2, size=4)
        >>> made = modality.prepare(catalog, Context(dim=8, trained=np.array([1, 2])))
        >>> made.encoder(made.source.load(np.array([1, 2]))).shape
        torch.Size([2, 8])
    """

    has_content = True

    def __init__(
        self, base: Modality, *, levels: int = 3, size: int | None = None, rows: int = 4096
    ) -> None:
        if min(levels, rows) < 1 or (size is not None and size < 1):
            raise ValueError(
                f"levels, size and rows must be 1 or more; got {levels}, {size} and {rows}"
            )
        check_base("semantic", base)
        self.base, self.levels, self.size, self.rows = base, levels, size, rows

    def columns_read(self, facts: Facts) -> tuple[str, ...]:
        """Return the columns of the modality whose vectors are quantized."""
        return self.base.columns_read(facts)

    def prepare(self, catalog: Catalog, context: Context) -> Prepared:
        """Read the vectors of the catalogue, and fit the codebooks to those of trained items."""
        made = self.base.prepare(catalog, context)
        check_frozen("semantic", self.base, made.encoder)
        rows = context.trained[made.source.present[context.trained]]
        facts = {**made.facts, "dim": context.dim, "size": self.size or usual_size(len(rows))}
        if context.before is not None:  # an updated model keeps its codebooks
            facts["size"] = context.before["size"]
        encoder = self.rebuild(facts)
        if len(rows) and context.before is None:
            encoder.fit(cast(Tensor, made.source.load(rows)).float())
        return replace(made, encoder=encoder, facts=facts)

    def rebuild(self, facts: Facts) -> QuantizedEncoder:
        """Make an encoder of the width of the vectors."""
        return QuantizedEncoder(
            facts["feature_dim"],
            facts["dim"],
            levels=self.levels,
            size=facts["size"],
            rows=self.rows,
        )

    def facts_of(self, catalog: Catalog, encoder: nn.Module) -> dict[str, Any]:
        """Return the facts of the vectors, and the width."""
        if not isinstance(encoder, QuantizedEncoder):
            raise ValueError(
                f"SemanticModality expects a QuantizedEncoder; got {type(encoder).__name__}"
            )
        facts = self.base.facts_of(catalog, encoder.standardize)
        return {**facts, "dim": encoder.dim, "size": encoder.ids.size}

    def source_of(
        self, items: Catalog, encoder: nn.Module, facts: Facts, slots: np.ndarray
    ) -> tuple[Source, dict[int, str]]:
        """Return the vectors of further items; the encoder gives them their codes."""
        return self.base.source_of(items, encoder, facts, slots)


def check_base(kind: str, base: Modality) -> None:
    """Raise a ``ValueError`` if the vectors that a modality reads of another would be trained."""
    if isinstance(base, PretrainedModality) and base.tuning != "frozen":
        raise ValueError(
            f"modality {kind!r} expects a frozen encoder, whose vectors stay; got "
            f"{type(base).__name__} with tuning {base.tuning!r}"
        )


def check_frozen(kind: str, base: Modality, encoder: object) -> None:
    """Raise a ``ValueError`` unless the encoder of a modality reads vectors that are given."""
    if not isinstance(encoder, FeatureEncoder):
        raise ValueError(
            f"modality {kind!r} expects a modality of frozen vectors, such as text, image or "
            f"vectors; got {type(base).__name__} with {type(encoder).__name__}"
        )


def usual_size(items: int) -> int:
    """Return the number of codes in a level for a number of trained items.

    Example:
        >>> usual_size(3), usual_size(10_000), usual_size(10**6)
        (4, 100, 256)
    """
    return min(max(isqrt(items), 4), 256)
