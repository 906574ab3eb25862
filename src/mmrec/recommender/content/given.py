"""A modality whose inputs were given ready-made: only its encoder is known."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

from mmrec.data import Catalog, Source
from mmrec.layers import record_init_args
from mmrec.recommender.content.modality import Context, Facts, Prepared


@record_init_args
class GivenModality:
    """An encoder of a hand-made model, see :meth:`mmrec.Recommender.from_model`.

    Items that come later need ``features``: nothing says how their inputs are read.

    Args:
        encoder: part of the model, or what a RUN says of it.
    """

    has_content = True

    def __init__(self, encoder: nn.Module | Mapping[str, Any]) -> None:
        self.encoder = encoder

    def prepare(self, catalog: Catalog, context: Context) -> Prepared:
        """Refuse: there is nothing to read."""
        raise ValueError("a modality of from_model can't be read from a catalogue")

    def rebuild(self, facts: Facts) -> nn.Module:
        """Return the encoder, made again or handed over."""
        if isinstance(self.encoder, nn.Module):
            return self.encoder
        raise ValueError(
            f"the encoder {self.encoder['class_path']} is one that a RUN can't bring along: hand "
            f"over the class, or an object of it, in parts=[...]"
        )

    def facts_of(self, catalog: Catalog, encoder: nn.Module) -> dict[str, Any]:
        """Return nothing: the encoder is an argument."""
        return {}

    def source_of(
        self, items: Catalog, encoder: nn.Module, facts: Facts, slots: np.ndarray
    ) -> tuple[Source, dict[int, str]]:
        """Refuse: nothing says how items are read."""
        raise ValueError(
            "items of a model from from_model need features= for each modality but ids, or "
            "modalities= in from_model"
        )
