"""Flat builder functions: a model by the name the field knows it by."""

from collections.abc import Mapping
from typing import cast

from torch import nn

from mmrec.fusion import ConcatFusion
from mmrec.interest import GRUInterest
from mmrec.models.items import ItemEncoder
from mmrec.models.sequential import SequentialModel
from mmrec.scoring import DotScorer


def gru4rec(
    encoders: Mapping[str, nn.Module],
    *,
    dim: int = 128,
    layers: int = 1,
    dropout: float = 0.4,
    modality_dropout: float = 0.0,
    fusion: nn.Module | None = None,
    time_gap: bool = False,
    event_types: int = 0,
    ranker: nn.Module | None = None,
) -> SequentialModel:
    """Build a GRU over item vectors, scored by dot product.

    Source: GRU4Rec (arXiv 1511.06939), with items encoded from their content.

    Args:
        encoders: an encoder for each modality, by name.
        dim: width of item vectors and of the interest.
        layers: layers of the GRU.
        dropout: of the GRU's input and output.
        modality_dropout: see :class:`ItemEncoder`.
        fusion: fuses the modalities into ``dim``; concatenation by default.
        time_gap: whether the time between events is an input.
        event_types: how many event types are an input.
        ranker: ranking scorer on top, see :class:`SequentialModel`.

    Example:
        >>> from mmrec.encoders import FeatureEncoder, IdEncoder
        >>> model = gru4rec({"id": IdEncoder(100, 16), "text": FeatureEncoder(384)}, dim=16)
        >>> model.items.dim
        16
    """
    if fusion is None:
        dims = {name: cast(int, encoder.dim) for name, encoder in encoders.items()}
        fusion = ConcatFusion(dims, dim)
    return SequentialModel(
        ItemEncoder(encoders, fusion, modality_dropout=modality_dropout),
        GRUInterest(
            dim, layers=layers, dropout=dropout, time_gap=time_gap, event_types=event_types
        ),
        DotScorer(),
        ranker,
    )
