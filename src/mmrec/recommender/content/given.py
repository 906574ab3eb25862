"""A modality of which only the encoder is known."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

from mmrec.data import Catalog, Source
from mmrec.layers import record_init_args
from mmrec.recommender.content.modality import Context, Facts, Prepared
from mmrec.recommender.parts.spec import OwnPartNeeded, PartSpec


@record_init_args
class GivenModality:
    """An encoder of a model from :meth:`mmrec.Recommender.from_model`.

    Later items need ``features``, since it is not known how their inputs are read.

    Args:
        encoder: the encoder, or its description in a RUN if it can't be made again.
    """

    has_content = True

    def __init__(self, encoder: nn.Module | Mapping[str, Any]) -> None:
        self.encoder = encoder

    def columns_read(self, facts: Facts) -> tuple[str, ...]:
        """Return no columns: later content comes as ``features``."""
        return ()

    def prepare(self, catalog: Catalog, context: Context) -> Prepared:
        """Raise a ``ValueError``: it is not known what to read."""
        raise ValueError("a modality of from_model can't be read from a catalogue")

    def rebuild(self, facts: Facts) -> nn.Module:
        """Return the encoder, which was made again or handed over."""
        if isinstance(self.encoder, nn.Module):
            return self.encoder
        raise OwnPartNeeded.of({"encoder": PartSpec.from_dict(self.encoder)})

    def facts_of(self, catalog: Catalog, encoder: nn.Module) -> dict[str, Any]:
        """Return no facts: the encoder is recorded as an argument."""
        return {}

    def source_of(
        self, items: Catalog, encoder: nn.Module, facts: Facts, slots: np.ndarray
    ) -> tuple[Source, dict[int, str]]:
        """Raise a ``ValueError``: it is not known how items are read."""
        raise ValueError(
            "it is unknown how items are read for an encoder from from_model: give features= where "
            "it is a FeatureEncoder, or give modalities= to from_model"
        )
