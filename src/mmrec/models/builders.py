"""Builder functions for well-known models."""

from collections.abc import Mapping

from mmrec.encoders import Encoder
from mmrec.fusion import ConcatFusion, Fusion
from mmrec.interest import (
    GRUInterest,
    HSTUInterest,
    Interest,
    LinearRecurrentInterest,
    SelfAttentionInterest,
)
from mmrec.models.checks import widths
from mmrec.models.items import ItemEncoder
from mmrec.models.sequential import SequentialModel
from mmrec.scoring import DotScorer, Reranker


def gru4rec(
    encoders: Mapping[str, Encoder],
    *,
    dim: int = 128,
    layers: int = 1,
    dropout: float = 0.4,
    modality_dropout: float = 0.0,
    fusion: Fusion | None = None,
    time_gap: bool = False,
    num_event_types: int = 0,
    reranker: Reranker | None = None,
) -> SequentialModel:
    """Build a GRU over item vectors, scored by dot product.

    Source: GRU4Rec (arXiv 1511.06939), with items encoded from their content.

    Args:
        encoders: an encoder for each modality, by name.
        dim: width of item vectors and of the interest.
        layers: layers of the GRU.
        dropout: dropout probability of the GRU's input and output.
        modality_dropout: see :class:`ItemEncoder`.
        fusion: fuses the modalities into width ``dim``; concatenation by default.
        time_gap: whether the time between events is an input.
        num_event_types: number of event types; 0 if they are not an input.
        reranker: scores the short list, see :class:`SequentialModel`.

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
    encoders: Mapping[str, Encoder],
    *,
    dim: int = 128,
    layers: int = 2,
    heads: int = 2,
    window: int = 200,
    dropout: float = 0.4,
    modality_dropout: float = 0.0,
    fusion: Fusion | None = None,
    time_gap: bool = False,
    num_event_types: int = 0,
    reranker: Reranker | None = None,
) -> SequentialModel:
    """Build causal self-attention over item vectors, scored by dot product.

    Source: SASRec (arXiv 1808.09781), with items encoded from their content and every position
    trained by a softmax over the pool.

    Args:
        encoders: an encoder for each modality, by name.
        dim: width of item vectors and of the interest.
        layers: transformer blocks.
        heads: attention heads of a block.
        window: number of last events that are attended to.
        dropout: dropout probability of the inputs and of the outputs that each block adds.
        modality_dropout: see :class:`ItemEncoder`.
        fusion: fuses the modalities into width ``dim``; concatenation by default.
        time_gap: whether the time between events is an input.
        num_event_types: number of event types; 0 if they are not an input.
        reranker: scores the short list, see :class:`SequentialModel`.

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


def hstu(
    encoders: Mapping[str, Encoder],
    *,
    dim: int = 128,
    layers: int = 2,
    heads: int = 2,
    window: int = 200,
    dropout: float = 0.4,
    modality_dropout: float = 0.0,
    fusion: Fusion | None = None,
    time_gap: bool = False,
    num_event_types: int = 0,
    reranker: Reranker | None = None,
) -> SequentialModel:
    """Build gated attention without a softmax over item vectors, scored by dot product.

    Source: HSTU (arXiv 2402.17152), with items encoded from their content.

    Args:
        encoders: an encoder for each modality, by name.
        dim: width of item vectors and of the interest.
        layers: units.
        heads: attention heads of a unit.
        window: number of last events that are attended to.
        dropout: dropout probability of the inputs and of what each unit adds.
        modality_dropout: see :class:`ItemEncoder`.
        fusion: fuses the modalities into width ``dim``; concatenation by default.
        time_gap: whether the time between events is an input and a bias.
        num_event_types: number of event types; 0 if they are not an input.
        reranker: scores the short list, see :class:`SequentialModel`.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> hstu({"id": IdEncoder(100, 16)}, dim=16, window=50).interest.window
        50
    """
    interest = HSTUInterest(
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
    encoders: Mapping[str, Encoder],
    *,
    dim: int = 128,
    layers: int = 2,
    dropout: float = 0.4,
    modality_dropout: float = 0.0,
    fusion: Fusion | None = None,
    time_gap: bool = False,
    num_event_types: int = 0,
    reranker: Reranker | None = None,
) -> SequentialModel:
    """Build a linear recurrence over item vectors, scored by dot product.

    Source: LRURec (arXiv 2310.02367), with items encoded from their content. Arguments are those
    of :func:`gru4rec`.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> lrurec({"id": IdEncoder(100, 16)}, dim=16).interest.interest_dim
        16
    """
    interest = LinearRecurrentInterest(
        dim, layers=layers, dropout=dropout, time_gap=time_gap, num_event_types=num_event_types
    )
    return _model(encoders, interest, modality_dropout, fusion, reranker)


def _model(
    encoders: Mapping[str, Encoder],
    interest: Interest,
    modality_dropout: float,
    fusion: Fusion | None,
    reranker: Reranker | None,
) -> SequentialModel:
    if fusion is None:
        fusion = ConcatFusion(widths(encoders), interest.dim)
    items = ItemEncoder(encoders, fusion, modality_dropout=modality_dropout)
    return SequentialModel(items, interest, DotScorer(), reranker)
