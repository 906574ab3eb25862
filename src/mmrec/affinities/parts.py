"""The parts of a score that are products, each by itself."""

from jaxtyping import Float
from torch import Tensor

from mmrec.affinities.fusion import AffinityFusion
from mmrec.affinities.scorer import AffinityScorer
from mmrec.models import SequentialModel


def score_parts(
    model: SequentialModel, states: Float[Tensor, "N H"], vectors: Float[Tensor, "P D"]
) -> dict[str, Float[Tensor, "N P"]]:
    """Return the parts whose sum is the score of items: what was learned, and each affinity.

    Args:
        model: the model.
        states: interests.
        vectors: item vectors.

    Returns:
        ``"learned"`` and, for a model with affinities of content, ``"content:text"`` and so on.

    Example:
        >>> import torch
        >>> from mmrec.affinities import ContentAffinity, with_content
        >>> from mmrec.encoders import FeatureEncoder
        >>> from mmrec.models import gru4rec
        >>> model = gru4rec({"text": FeatureEncoder(6)}, dim=4)
        >>> model = with_content(model, ContentAffinity({"text": 2}))
        >>> list(score_parts(model, torch.ones(1, 6), torch.ones(3, 6)))
        ['learned', 'content:text']
    """
    scorer, fusion = model.scorer, model.items.fusion
    if not isinstance(scorer, AffinityScorer) or not isinstance(fusion, AffinityFusion):
        return {"learned": scorer(states, vectors)}
    parts = {"learned": scorer.learned(states, vectors)}
    widths = list(fusion.content.dims.values())
    blocks = (columns[..., -scorer.width :].split(widths, -1) for columns in (states, vectors))
    for name, mine, theirs in zip(fusion.content.dims, *blocks, strict=True):
        parts[f"content:{name}"] = mine @ theirs.T
    return parts
