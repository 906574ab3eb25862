"""Builder functions for models of clicks: each names its interest model, and shares the rest."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, TypedDict, Unpack, runtime_checkable

from mmrec.encoders import Encoder
from mmrec.fusion import AdditiveFusion, ConcatFusion, Fusion
from mmrec.interest import (
    AdditiveAttentionInterest,
    DINInterest,
    Interest,
    NRMSInterest,
    TargetAwareInterest,
)
from mmrec.models.builders import DIM
from mmrec.models.checks import widths
from mmrec.models.clicks import ClickModel
from mmrec.models.items import ItemEncoder
from mmrec.scoring import DotScorer, MLPScorer, Reranker, RetrievalScorer


@runtime_checkable
class ClickInterestFactory(Protocol):
    """Makes an interest model: a class, or a ``functools.partial`` that sets its own sizes."""

    def __call__(
        self, dim: int, /, *, dropout: float, time_gap: bool, num_event_types: int
    ) -> Interest | TargetAwareInterest:
        """Return an interest model of width ``dim``."""
        ...


ScorerFactory = Callable[[int, int], Reranker | RetrievalScorer]
"""Makes a scorer from the widths of an interest and of an item vector."""


class ClickShared(TypedDict, total=False):
    """What all builders take; :func:`click_model` has the defaults and says what each is."""

    dim: int
    dropout: float
    modality_dropout: float
    fusion: Fusion | None
    time_gap: bool
    num_event_types: int


def click_model(
    encoders: Mapping[str, Encoder],
    interest: ClickInterestFactory,
    *,
    scorer: ScorerFactory = MLPScorer,
    dim: int = DIM,
    dropout: float = 0.2,
    modality_dropout: float = 0.0,
    fusion: Fusion | None = None,
    time_gap: bool = False,
    num_event_types: int = 0,
) -> ClickModel:
    """Build a model that scores given candidates for an interest.

    Args:
        encoders: an encoder for each modality, by name.
        interest: makes the interest model.
        scorer: makes the scorer from the widths of interest and item, a perceptron by default.
        dim: width of item vectors and of the interest.
        dropout: dropout probability of the interest model.
        modality_dropout: see :class:`ItemEncoder`.
        fusion: fuses the modalities into width ``dim``; concatenation by default.
        time_gap: whether the time between events is an input.
        num_event_types: number of event types of histories; 0 if they are not an input.

    Raises:
        ValueError: an encoder has no width, or the parts do not fit together.

    Example:
        >>> from mmrec.encoders import FeatureEncoder, IdEncoder
        >>> from mmrec.interest import GRUInterest
        >>> from mmrec.scoring import DCNScorer
        >>> encoders = {"id": IdEncoder(100, 16), "text": FeatureEncoder(384)}
        >>> model = click_model(encoders, GRUInterest, scorer=DCNScorer, dim=16)
        >>> type(model.scorer).__name__
        'DCNScorer'
    """
    made = interest(dim, dropout=dropout, time_gap=time_gap, num_event_types=num_event_types)
    if fusion is None:
        fusion = ConcatFusion(widths(encoders), dim)
    items = ItemEncoder(encoders, fusion, modality_dropout=modality_dropout)
    return ClickModel(items, made, scorer(made.interest_dim, items.dim))


def din(
    encoders: Mapping[str, Encoder], *, hidden: int = 36, **shared: Unpack[ClickShared]
) -> ClickModel:
    """Build an interest in each candidate, from the events that resemble it, and a perceptron.

    Source: DIN (arXiv 1706.06978), with items encoded from their content. The perceptron has two
    layers of 200 (200 and 80 in the paper), and reads interest and candidate alone.

    Args:
        encoders: an encoder for each modality, by name.
        hidden: width of the activation unit.
        **shared: see :func:`click_model`.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> type(din({"id": IdEncoder(100, 16)}, dim=16).interest).__name__
        'DINInterest'
    """
    scorer = partial(MLPScorer, width=200, depth=2, dropout=0.0)
    return click_model(encoders, partial(DINInterest, hidden=hidden), scorer=scorer, **shared)


def nrms_clicks(
    encoders: Mapping[str, Encoder],
    *,
    heads: int = 16,
    window: int = 50,
    **shared: Unpack[ClickShared],
) -> ClickModel:
    """Build self-attention over clicked items, pooled by additive attention; scored by product.

    Source: NRMS (Wu et al., EMNLP 2019), whose loss is :func:`mmrec.losses.click_softmax_loss`
    with four negatives. Its news encoder is a text encoder with ``pooling="attention"``: the
    self-attention between words is that of the pretrained model.

    Args:
        encoders: an encoder for each modality, by name.
        heads: attention heads.
        window: number of last events that are attended to.
        **shared: see :func:`click_model`.

    Example:
        >>> from mmrec.encoders import FeatureEncoder
        >>> nrms_clicks({"text": FeatureEncoder(384)}, dim=32).interest.heads
        16
    """
    interest = partial(NRMSInterest, heads=heads, window=window)
    return click_model(encoders, interest, scorer=_product, **shared)


def naml_clicks(encoders: Mapping[str, Encoder], **shared: Unpack[ClickShared]) -> ClickModel:
    """Build additive attention over modalities, and over clicked items; scored by product.

    Source: NAML (arXiv 1907.05576), whose loss is :func:`mmrec.losses.click_softmax_loss` with four
    negatives.

    Args:
        encoders: an encoder for each modality, by name.
        **shared: see :func:`click_model`; the fusion is additive attention by default.

    Example:
        >>> from mmrec.encoders import FeatureEncoder
        >>> type(naml_clicks({"text": FeatureEncoder(384)}, dim=32).items.fusion).__name__
        'AdditiveFusion'
    """
    if shared.get("fusion") is None:
        shared["fusion"] = AdditiveFusion(widths(encoders), shared.setdefault("dim", DIM))
    return click_model(encoders, AdditiveAttentionInterest, scorer=_product, **shared)


def _product(interest_dim: int, dim: int) -> DotScorer:
    """Return the scorer of a product; both widths are the same."""
    return DotScorer()
