"""Flat builder functions: a model by the name the field knows it by."""

from collections.abc import Mapping
from typing import cast

from torch import nn

from mmrec.fusion import ConcatFusion
from mmrec.interest import GRUInterest, LinearRecurrentInterest, SelfAttentionInterest
from mmrec.models.items import ItemEncoder, widths
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
    num_event_types: int = 0,
    reranker: nn.Module | None = None,
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
        num_event_types: how many event types are an input.
        reranker: ranking scorer on top, see :class:`SequentialModel`.

    Example:
        >>> from mmrec.encoders import FeatureEncoder, IdEncoder
        >>> model = gru4rec({"id": IdEncoder(100, 16), "text": FeatureEncoder(384)}, dim=16)
        >>> model.items.dim
        16
    """
    interest = GRUInterest(
        dim, layers=layers, dropout=dropout, time_gap=time_gap, num_event_types=num_event_types
    )
    return _model(encoders, interest, modality_dropout, fusion, reranker)


def sasrec(
    encoders: Mapping[str, nn.Module],
    *,
    dim: int = 128,
    layers: int = 2,
    heads: int = 2,
    window: int = 200,
    dropout: float = 0.4,
    modality_dropout: float = 0.0,
    fusion: nn.Module | None = None,
    time_gap: bool = False,
    num_event_types: int = 0,
    reranker: nn.Module | None = None,
) -> SequentialModel:
    """Build causal self-attention over item vectors, scored by dot product.

    Source: SASRec (arXiv 1808.09781), with items encoded from their content and every position
    trained by a softmax over the pool.

    Args:
        encoders: an encoder for each modality, by name.
        dim: width of item vectors and of the interest.
        layers: transformer blocks.
        heads: attention heads of a block.
        window: events that are attended to.
        dropout: of inputs and of what a block adds.
        modality_dropout: see :class:`ItemEncoder`.
        fusion: fuses the modalities into ``dim``; concatenation by default.
        time_gap: whether the time between events is an input.
        num_event_types: how many event types are an input.
        reranker: ranking scorer on top, see :class:`SequentialModel`.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> sasrec({"id": IdEncoder(100, 16)}, dim=16, window=50).interest.window
        50
    """
    interest = SelfAttentionInterest(
        dim,
        layers=layers,
        heads=heads,
        window=window,
        dropout=dropout,
        time_gap=time_gap,
        num_event_types=num_event_types,
    )
    return _model(encoders, interest, modality_dropout, fusion, reranker)


def lrurec(
    encoders: Mapping[str, nn.Module],
    *,
    dim: int = 128,
    layers: int = 2,
    dropout: float = 0.4,
    modality_dropout: float = 0.0,
    fusion: nn.Module | None = None,
    time_gap: bool = False,
    num_event_types: int = 0,
    reranker: nn.Module | None = None,
) -> SequentialModel:
    """Build a linear recurrence over item vectors, scored by dot product.

    Source: LRURec (arXiv 2310.02367), with items encoded from their content. Arguments are those
    of :func:`gru4rec`.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> lrurec({"id": IdEncoder(100, 16)}, dim=16).interest.window is None
        True
    """
    interest = LinearRecurrentInterest(
        dim, layers=layers, dropout=dropout, time_gap=time_gap, num_event_types=num_event_types
    )
    return _model(encoders, interest, modality_dropout, fusion, reranker)


def _model(
    encoders: Mapping[str, nn.Module],
    interest: nn.Module,
    modality_dropout: float,
    fusion: nn.Module | None,
    reranker: nn.Module | None,
) -> SequentialModel:
    dim = cast(int, interest.dim)
    if fusion is None:
        fusion = ConcatFusion(widths(encoders), dim)
    items = ItemEncoder(encoders, fusion, modality_dropout=modality_dropout)
    return SequentialModel(items, interest, DotScorer(), reranker)
