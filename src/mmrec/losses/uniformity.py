"""Alignment and uniformity: an interest is near its item, and vectors are spread over a sphere."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from mmrec.layers import at_least_float32, full_precision


def directau_loss(
    states: Float[Tensor, "N D"],
    vectors: Float[Tensor, "N D"],
    *,
    uniformity: float = 1.0,
    most: int = 1024,
) -> Float[Tensor, ""]:
    r"""Return the loss of DirectAU, which needs no negatives: alignment plus uniformity.

    .. math:: \frac{1}{N} \sum_n \lVert u_n - c_n \rVert^2
        + \frac{\gamma}{2} \big(\operatorname{unif}(u) + \operatorname{unif}(c)\big),
        \qquad \operatorname{unif}(x) = \log \operatorname*{mean}_{n \ne m}
        e^{-2 \lVert x_n - x_m \rVert^2}

    Interests :math:`u` and vectors of targets :math:`c` are divided by their lengths first, so the
    scorer should be a cosine.

    It reads vectors instead of scores, so it is no :class:`~mmrec.losses.Loss`. A scorer adds it to
    the loss, as an :class:`~mmrec.losses.AuxiliaryLoss`::

        class AlignedScorer(DotScorer):
            auxiliary_weight = 1.0

            def auxiliary_loss(self, output):
                return directau_loss(output.states, output.vectors[output.positives])

    ``fit(..., scorer=partial(AlignedScorer, normalize=True))`` trains with both. With a ``loss``
    that returns ``logits.sum() * 0`` it is the only one.

    Args:
        states: interests, one for each target.
        vectors: the vector of each target.
        uniformity: :math:`\gamma`, the weight of uniformity.
        most: rows that uniformity compares with each other; of more rows it takes a random draw,
            because the cost grows with their square.

    Returns:
        A scalar; zero, with a graph, if there are no rows. A single row has no uniformity.

    Raises:
        ValueError: the shapes disagree, ``uniformity`` is negative, or ``most`` is less than 2.

    References:
        Wang et al., "Towards Representation Alignment and Uniformity in Collaborative Filtering"
        (arXiv 2206.12811).

    Example:
        >>> vectors = torch.eye(2)  # two items at a squared distance of 2
        >>> directau_loss(vectors, vectors)
        tensor(-4.)
    """
    if states.shape != vectors.shape:
        raise ValueError(
            "directau_loss expects states and vectors of the same shape; "
            f"got {tuple(states.shape)} and {tuple(vectors.shape)}"
        )
    if uniformity < 0 or most < 2:
        raise ValueError(
            f"directau_loss expects uniformity of 0 or more and most of 2 or more; got "
            f"{uniformity} and {most}"
        )
    with full_precision(states):
        interests = F.normalize(at_least_float32(states), dim=-1)
        items = F.normalize(at_least_float32(vectors), dim=-1)
        aligned = (interests - items).square().sum() / max(len(items), 1)
        if len(items) > most:
            rows = torch.randperm(len(items), device=items.device)[:most]
            interests, items = interests[rows], items[rows]
        spread = (_uniformity(interests) + _uniformity(items)) / 2
        return aligned + uniformity * spread


def _uniformity(vectors: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """Return the log of the mean potential of all pairs of vectors of length 1."""
    if len(vectors) < 2:
        return vectors.sum() * 0
    # The squared distance is 2 - 2 cosine; unlike a distance, it has a gradient at 0.
    exponents = 4 * (vectors @ vectors.T) - 4
    same = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    pairs = len(vectors) * (len(vectors) - 1)
    return exponents.masked_fill(same, -torch.inf).flatten().logsumexp(0) - math.log(pairs)
