"""Builder functions for well-known models: each names its interest model, and shares the rest."""

from collections.abc import Mapping
from functools import partial
from typing import Protocol, TypedDict, Unpack, runtime_checkable

from mmrec.encoders import Encoder
from mmrec.fusion import AdditiveFusion, ConcatFusion, Fusion
from mmrec.interest import (
    AdditiveAttentionInterest,
    GRUInterest,
    HSTUInterest,
    Interest,
    LiGRInterest,
    LinearRecurrentInterest,
    MeanInterest,
    NARMInterest,
    NRMSInterest,
    SelfAttentionInterest,
)
from mmrec.models.checks import widths
from mmrec.models.items import ItemEncoder
from mmrec.models.sequential import SequentialModel
from mmrec.scoring import DotScorer, Reranker

DIM = 128
"""Width of item vectors and of the interest, unless another is given."""


@runtime_checkable
class InterestFactory(Protocol):
    """Makes an interest model: a class, or a ``functools.partial`` that sets its own sizes."""

    def __call__(
        self, dim: int, /, *, dropout: float, time_gap: bool, num_event_types: int
    ) -> Interest:
        """Return an interest model of width ``dim``."""
        ...


class Shared(TypedDict, total=False):
    """What all builders take; :func:`sequential` has the defaults and says what each is."""

    dim: int
    dropout: float
    modality_dropout: float
    fusion: Fusion | None
    time_gap: bool
    num_event_types: int
    reranker: Reranker | None


def sequential(
    encoders: Mapping[str, Encoder],
    interest: InterestFactory,
    *,
    dim: int = DIM,
    dropout: float = 0.4,
    modality_dropout: float = 0.0,
    fusion: Fusion | None = None,
    time_gap: bool = False,
    num_event_types: int = 0,
    reranker: Reranker | None = None,
) -> SequentialModel:
    """Build an interest model over item vectors, scored by dot product.

    Args:
        encoders: an encoder for each modality, by name.
        interest: makes the interest model.
        dim: width of item vectors and of the interest.
        dropout: dropout probability of the interest model.
        modality_dropout: see :class:`ItemEncoder`.
        fusion: fuses the modalities into width ``dim``; concatenation by default.
        time_gap: whether the time between events is an input.
        num_event_types: number of event types; 0 if they are not an input.
        reranker: scores the short list, see :class:`SequentialModel`.

    Raises:
        ValueError: an encoder has no width, or the parts do not fit together.

    Example:
        >>> from mmrec.encoders import FeatureEncoder, IdEncoder
        >>> encoders = {"id": IdEncoder(100, 16), "text": FeatureEncoder(384)}
        >>> model = sequential(encoders, partial(GRUInterest, layers=3), dim=16)
        >>> model.items.dim, model.interest.layers
        (16, 3)
    """
    made = interest(dim, dropout=dropout, time_gap=time_gap, num_event_types=num_event_types)
    if fusion is None:
        fusion = ConcatFusion(widths(encoders), dim)
    items = ItemEncoder(encoders, fusion, modality_dropout=modality_dropout)
    return SequentialModel(items, made, DotScorer(), reranker)


def gru4rec(
    encoders: Mapping[str, Encoder], *, layers: int = 1, **shared: Unpack[Shared]
) -> SequentialModel:
    """Build a GRU over item vectors.

    Source: GRU4Rec (arXiv 1511.06939), with items encoded from their content.

    Args:
        encoders: an encoder for each modality, by name.
        layers: layers of the GRU.
        **shared: see :func:`sequential`.

    Example:
        >>> from mmrec.encoders import FeatureEncoder, IdEncoder
        >>> model = gru4rec({"id": IdEncoder(100, 16), "text": FeatureEncoder(384)}, dim=16)
        >>> model.items.dim
        16
    """
    return sequential(encoders, partial(GRUInterest, layers=layers), **shared)


def sasrec(
    encoders: Mapping[str, Encoder],
    *,
    layers: int = 2,
    heads: int = 2,
    window: int = 200,
    **shared: Unpack[Shared],
) -> SequentialModel:
    """Build causal self-attention over item vectors.

    Source: SASRec (arXiv 1808.09781), with items encoded from their content and every position
    trained by a softmax over the pool.

    Args:
        encoders: an encoder for each modality, by name.
        layers: transformer blocks.
        heads: attention heads of a block.
        window: number of last events that are attended to.
        **shared: see :func:`sequential`.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> sasrec({"id": IdEncoder(100, 16)}, dim=16, window=50).interest.window
        50
    """
    interest = partial(SelfAttentionInterest, layers=layers, heads=heads, window=window)
    return sequential(encoders, interest, **shared)


def hstu(
    encoders: Mapping[str, Encoder],
    *,
    layers: int = 2,
    heads: int = 2,
    window: int = 200,
    **shared: Unpack[Shared],
) -> SequentialModel:
    """Build gated attention without a softmax over item vectors.

    Source: HSTU (arXiv 2402.17152), with items encoded from their content.

    Args:
        encoders: an encoder for each modality, by name.
        layers: units.
        heads: attention heads of a unit.
        window: number of last events that are attended to.
        **shared: see :func:`sequential`; with ``time_gap``, the time between two events is a bias
            too.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> hstu({"id": IdEncoder(100, 16)}, dim=16, window=50).interest.window
        50
    """
    interest = partial(HSTUInterest, layers=layers, heads=heads, window=window)
    return sequential(encoders, interest, **shared)


def lrurec(
    encoders: Mapping[str, Encoder], *, layers: int = 2, **shared: Unpack[Shared]
) -> SequentialModel:
    """Build a linear recurrence over item vectors.

    Source: LRURec (arXiv 2310.02367), with items encoded from their content.

    Args:
        encoders: an encoder for each modality, by name.
        layers: blocks of the recurrence.
        **shared: see :func:`sequential`.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> lrurec({"id": IdEncoder(100, 16)}, dim=16).interest.interest_dim
        16
    """
    return sequential(encoders, partial(LinearRecurrentInterest, layers=layers), **shared)


def esasrec(
    encoders: Mapping[str, Encoder],
    *,
    layers: int = 2,
    heads: int = 2,
    window: int = 200,
    **shared: Unpack[Shared],
) -> SequentialModel:
    """Build causal self-attention with gated residuals over item vectors.

    Source: eSASRec (arXiv 2508.06450), with items encoded from their content.

    Args:
        encoders: an encoder for each modality, by name.
        layers: LiGR blocks.
        heads: attention heads of a block.
        window: number of last events that are attended to.
        **shared: see :func:`sequential`.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> esasrec({"id": IdEncoder(100, 16)}, dim=16, window=50).interest.window
        50
    """
    interest = partial(LiGRInterest, layers=layers, heads=heads, window=window)
    return sequential(encoders, interest, **shared)


def narm(
    encoders: Mapping[str, Encoder],
    *,
    layers: int = 1,
    attended: int = 50,
    **shared: Unpack[Shared],
) -> SequentialModel:
    """Build a GRU over item vectors whose newest output attends to those before it.

    Source: NARM (arXiv 1711.04725), with items encoded from their content.

    Args:
        encoders: an encoder for each modality, by name.
        layers: layers of the GRU.
        attended: number of last events that are attended to.
        **shared: see :func:`sequential`.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> narm({"id": IdEncoder(100, 16)}, dim=16, attended=20).interest.attended
        20
    """
    return sequential(encoders, partial(NARMInterest, layers=layers, attended=attended), **shared)


def two_tower(
    encoders: Mapping[str, Encoder],
    *,
    layers: int = 1,
    decay: float = 1.0,
    **shared: Unpack[Shared],
) -> SequentialModel:
    """Build a perceptron over the mean of item vectors.

    Source: the candidate generation of Covington, Adams and Sargin, "Deep Neural Networks for
    YouTube Recommendations", RecSys 2016, with items encoded from their content.

    Args:
        encoders: an encoder for each modality, by name.
        layers: layers of the perceptron.
        decay: weight of an event relative to the one after it; 1 for the plain mean.
        **shared: see :func:`sequential`.

    Example:
        >>> from mmrec.encoders import FeatureEncoder
        >>> two_tower({"text": FeatureEncoder(384)}, dim=16, decay=0.9).interest.decay
        0.9
    """
    return sequential(encoders, partial(MeanInterest, layers=layers, decay=decay), **shared)


def nrms(
    encoders: Mapping[str, Encoder],
    *,
    heads: int = 16,
    window: int = 50,
    **shared: Unpack[Shared],
) -> SequentialModel:
    """Build self-attention over item vectors, pooled by additive attention.

    Source: the user encoder of NRMS (Wu et al., EMNLP 2019), with items encoded from their content.
    :func:`nrms_clicks` is the model of labeled impressions.

    Args:
        encoders: an encoder for each modality, by name.
        heads: attention heads.
        window: number of last events that are attended to.
        **shared: see :func:`sequential`.

    Example:
        >>> from mmrec.encoders import FeatureEncoder
        >>> nrms({"text": FeatureEncoder(384)}, dim=32).interest.window
        50
    """
    return sequential(encoders, partial(NRMSInterest, heads=heads, window=window), **shared)


def naml(encoders: Mapping[str, Encoder], **shared: Unpack[Shared]) -> SequentialModel:
    """Build additive attention over the modalities of an item, and over the history.

    Source: NAML (arXiv 1907.05576), where the modalities are views of a news article.
    :func:`naml_clicks` is the model of labeled impressions.

    Args:
        encoders: an encoder for each modality, by name.
        **shared: see :func:`sequential`; the fusion is additive attention by default.

    Example:
        >>> from mmrec.encoders import FeatureEncoder, IdEncoder
        >>> encoders = {"category": IdEncoder(20, 16), "text": FeatureEncoder(384)}
        >>> type(naml(encoders, dim=32).items.fusion).__name__
        'AdditiveFusion'
    """
    if shared.get("fusion") is None:
        dim = shared.setdefault("dim", DIM)
        shared["fusion"] = AdditiveFusion(widths(encoders), dim)
    return sequential(encoders, AdditiveAttentionInterest, **shared)
