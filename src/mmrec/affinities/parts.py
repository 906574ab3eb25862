"""The parts of a score that are products, each by itself."""

from jaxtyping import Float
from torch import Tensor

from mmrec.affinities.content import NOVELTY_COLUMNS
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
        ``"learned"`` and, for a model with affinities of content, ``"content:text"`` and so on,
        and ``"novelty"`` if it has that.

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
    scorer = model.scorer
    if not isinstance(scorer, AffinityScorer):
        return {"learned": scorer(states, vectors)}
    parts = {"learned": scorer.learned(states, vectors)}
    for name, columns in content_columns(model).items():
        parts[f"content:{name}"] = states[..., columns] @ vectors[..., columns].T
    if scorer.novelty:
        parts["novelty"] = states[..., -NOVELTY_COLUMNS:] @ vectors[..., -NOVELTY_COLUMNS:].T
    return parts


def content_columns(model: SequentialModel) -> dict[str, slice]:
    """Return the columns that hold the directions of each modality, counted from the end.

    They are the same in interests and in item vectors.
    """
    fusion, found = model.items.fusion, dict[str, slice]()
    if isinstance(fusion, AffinityFusion):
        stop = -NOVELTY_COLUMNS if fusion.content.novelty else 0
        for name, width in reversed(fusion.content.dims.items()):
            found[name] = slice(stop - width, stop or None)
            stop -= width
    return dict(reversed(found.items()))
