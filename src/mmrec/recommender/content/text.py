"""The text of an item as a modality."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from mmrec.data import Catalog, TextTemplate
from mmrec.data.given_columns import as_columns_option
from mmrec.data.likely_texts import as_titles, likely_texts
from mmrec.data.wording import listed
from mmrec.encoders import RawEncoder, TextEncoder
from mmrec.layers import record_init_args
from mmrec.recommender.content.columns import as_names
from mmrec.recommender.content.modality import Facts
from mmrec.recommender.content.pretrained import PretrainedModality

DEFAULT_TEXT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
"""The Hugging Face model that encodes texts if none is given."""


@record_init_args
class TextModality(PretrainedModality):
    """Columns joined to one text and encoded by a Hugging Face model.

    Args:
        encoder: name or folder of a model, or a built encoder.
        template: joins columns, such as ``"{title}. {brand}"``; by default the usual text columns.
        columns: columns to join in place of a template. Several modalities of different columns
            share one frozen encoder.
        pooling: how token vectors become one: mean, cls, max, last or attention; by default as the
            model was trained, see :meth:`mmrec.encoders.TextEncoder.from_pretrained`.
        tuning: ``"frozen"``, ``"last-N"``, ``"lora"`` or ``"full"``.
        max_length: tokens of a text that are read; by default 128, or fewer if the model has fewer.

    Example:
        >>> TextModality(template="{title}").init_args["template"]
        '{title}'
    """

    name = "text"
    reads = ("template", "columns")

    def __init__(
        self,
        encoder: str | RawEncoder | Mapping[str, Any] = DEFAULT_TEXT_ENCODER,
        *,
        template: str | None = None,
        columns: str | Sequence[str] | None = None,
        pooling: str = "auto",
        tuning: str = "frozen",
        max_length: int | None = None,
    ) -> None:
        if template is not None and columns is not None:
            raise ValueError(f"a text has a template or columns; got {template!r} and {columns!r}")
        names = as_names(columns)
        self.encoder = encoder
        self.template = template if names is None else ". ".join(f"{{{name}}}" for name in names)
        self.pooling, self.tuning, self.max_length = pooling, tuning, max_length

    def columns_read(self, facts: Facts) -> tuple[str, ...]:
        """Return the columns of the template."""
        return TextTemplate(facts["template"]).columns

    def extra_facts(self, catalog: Catalog, before: Facts | None) -> dict[str, Any]:
        """Return the template, which is used for later items too."""
        if before is not None:
            return {"template": before["template"]}
        return {"template": self.template or _guessed(catalog.frame)}

    def values(self, items: Catalog, facts: Facts) -> list[str]:
        """Return the text of each item; columns of the template that later items lack are empty."""
        template = TextTemplate(facts["template"])
        frame = items.frame
        if facts.get("fingerprint") is not None:
            lacking = [name for name in template.columns if name not in frame.columns]
            frame = frame.with_columns(pl.lit(None, pl.String).alias(name) for name in lacking)
        return template.render_all(frame)

    def why_nobody(self, catalog: Catalog) -> str | None:
        """Return why no item has a text: no usual column exists, or all values are empty."""
        try:
            columns = TextTemplate(self.extra_facts(catalog, None)["template"]).columns
        except ValueError as error:
            return str(error)
        found = [catalog.frame[name] for name in columns if name in catalog.frame.columns]
        texts = [c if c.dtype.is_nested() else c.cast(pl.String, strict=False) for c in found]
        filled = any(
            (c.str.strip_chars() != "").any() if c.dtype == pl.String else c.is_not_null().any()
            for c in texts
        )
        return None if filled else f"no item has a value in {', '.join(columns)}"

    def count_cut(self, catalog: Catalog, facts: Facts) -> int:
        """Return how many texts are too long."""
        return TextTemplate(facts["template"]).count_cut(catalog.frame)

    def load(self) -> TextEncoder:
        """Load the Hugging Face model."""
        assert isinstance(self.encoder, str)
        return TextEncoder.from_pretrained(
            self.encoder, pooling=self.pooling, tuning=self.tuning, max_length=self.max_length
        )

    def architecture(self, encoder: RawEncoder) -> dict[str, Any] | None:
        """Return the configuration of the Hugging Face model; None for other encoders."""
        return encoder.architecture() if type(encoder) is TextEncoder else None

    def build(self, architecture: Mapping[str, Any]) -> TextEncoder:
        """Build the Hugging Face model."""
        return TextEncoder.from_architecture(architecture, pooling=self.pooling, tuning=self.tuning)


def _guessed(frame: pl.DataFrame) -> str:
    """Return the template of the usual columns.

    Raises:
        ValueError: none exists; the message names the columns that look like texts.
    """
    try:
        return TextTemplate.guess(frame.columns).template
    except ValueError as error:
        if not (found := likely_texts(frame)):
            raise
        one = len(found) == 1
        # None of the usual names exists, so that those of a title and a description are free.
        looks = "looks like a text by its" if one else "look like texts by their"
        raise ValueError(
            f"{error}: {listed(found)} {looks} values, and "
            f"{as_columns_option(as_titles(frame, found))} names "
            f"{'it' if one else 'them'}"
        ) from None
