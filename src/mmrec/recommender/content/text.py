"""The text of an item as a modality."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from mmrec.data import Catalog, TextTemplate
from mmrec.encoders import RawEncoder, TextEncoder
from mmrec.layers import record_init_args
from mmrec.recommender.content.modality import Facts
from mmrec.recommender.content.pretrained import PretrainedModality

DEFAULT_TEXT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"


@record_init_args
class TextModality(PretrainedModality):
    """Columns joined to one text and encoded by a Hugging Face model.

    Args:
        encoder: name or folder of a model, or a built encoder.
        template: joins columns, such as ``"{title}. {brand}"``; by default the usual text columns.
        pooling: how token vectors become one: mean, cls, max or attention.
        tuning: ``"frozen"``, ``"last-N"`` or ``"full"``.

    Example:
        >>> TextModality(template="{title}").init_args["template"]
        '{title}'
    """

    name = "text"

    def __init__(
        self,
        encoder: str | RawEncoder | Mapping[str, Any] = DEFAULT_TEXT_ENCODER,
        *,
        template: str | None = None,
        pooling: str = "mean",
        tuning: str = "frozen",
    ) -> None:
        self.encoder, self.template = encoder, template
        self.pooling, self.tuning = pooling, tuning

    def columns(self, facts: Facts) -> tuple[str, ...]:
        """Return the columns of the template."""
        return TextTemplate(facts["template"]).columns

    def extra_facts(self, catalog: Catalog, before: Facts | None) -> dict[str, Any]:
        """Return the template, which is used for later items too."""
        if before is not None:
            return {"template": before["template"]}
        template = self.template or TextTemplate.guess(catalog.frame.columns).template
        return {"template": template}

    def values(self, items: Catalog, facts: Facts) -> list[str]:
        """Return the text of each item; columns of the template that later items lack are empty."""
        template = TextTemplate(facts["template"])
        frame = items.frame
        if facts.get("fingerprint") is not None:
            lacking = [name for name in template.columns if name not in frame.columns]
            frame = frame.with_columns(pl.lit(None, pl.String).alias(name) for name in lacking)
        return template.render_all(frame)

    def count_cut(self, catalog: Catalog, facts: Facts) -> int:
        """Return how many texts are too long."""
        return TextTemplate(facts["template"]).count_cut(catalog.frame)

    def load(self) -> TextEncoder:
        """Load the Hugging Face model."""
        assert isinstance(self.encoder, str)
        return TextEncoder.from_pretrained(self.encoder, pooling=self.pooling, tuning=self.tuning)

    def architecture(self, encoder: RawEncoder) -> dict[str, Any] | None:
        """Return the configuration of the Hugging Face model; None for other encoders."""
        return encoder.architecture() if type(encoder) is TextEncoder else None

    def build(self, architecture: Mapping[str, Any]) -> TextEncoder:
        """Build the Hugging Face model."""
        return TextEncoder.from_architecture(architecture, pooling=self.pooling, tuning=self.tuning)
