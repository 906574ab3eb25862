"""Metrics of lists beyond accuracy: exposure, novelty, diversity, popularity, calibration.

``recommended`` holds the items of each list, ``(B, k)``: 1 to V, or 0 for an empty place.
``counts`` holds the training events of every catalogue index, ``(V + 1,)``.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Num
from torch import Tensor

from mmrec.metrics.functional import exposure


def gini(recommended: Int[Tensor, "B k"], catalog_size: int) -> Float[Tensor, ""]:
    """Return the Gini index of the exposures: 0 if equal, near 1 if a few items fill all lists.

    ``sum_i (2 i - V - 1) x_i / (V sum_i x_i)``, with ``x`` the exposures in ascending order.

    Raises:
        ValueError: an item is not in 0..V, or the catalogue is empty.

    References:
        Fleder and Hosanagar, "Blockbuster culture's next rise or fall: the impact of recommender
        systems on sales diversity" (2009).

    Example:
        >>> gini(torch.tensor([[1, 2], [3, 4]]), 4), gini(torch.tensor([[1], [1]]), 4)
        (tensor(0.), tensor(0.7500))
    """
    shown = exposure(recommended, catalog_size).double().sort().values
    place = torch.arange(1, catalog_size + 1, device=shown.device)
    area = ((2 * place - catalog_size - 1) * shown).sum()
    return (area / (catalog_size * shown.sum()).clamp(min=1)).float()


def novelty(recommended: Int[Tensor, "B k"], counts: Num[Tensor, " V1"]) -> Float[Tensor, " B"]:
    """Return the mean self-information ``-log2 p(i)`` of the items of each list, in bits.

    ``p(i) = (n_i + 1) / (n + V)``. One event is added to each item, so that cold items have a
    finite value. An empty list has 0.

    References:
        Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems"
        (2010), arXiv 0808.2670.

    Example:
        >>> novelty(torch.tensor([[1, 2], [2, 0]]), torch.tensor([0, 5, 1]))
        tensor([1.2075, 2.0000])
    """
    smooth = counts.double() + 1
    smooth[0] = 0
    return _mean_of(recommended, -torch.log2(smooth / smooth.sum()))


def average_popularity(
    recommended: Int[Tensor, "B k"], counts: Num[Tensor, " V1"]
) -> Float[Tensor, " B"]:
    """Return the mean number of training events of the items of each list (ARP); 0 if it is empty.

    The same mean over the targets is the reference: a higher value means that a recommender
    favors popular items.

    References:
        Yin et al., "Challenging the long tail recommendation" (2012), arXiv 1205.6700.

    Example:
        >>> average_popularity(torch.tensor([[1, 2], [2, 0]]), torch.tensor([0, 5, 1]))
        tensor([3., 1.])
    """
    return _mean_of(recommended, counts.double())


def intra_list_diversity(
    recommended: Int[Tensor, "B k"], vectors: Float[Tensor, "V1 D"]
) -> Float[Tensor, " B"]:
    """Return 1 − the mean cosine over all pairs of items of each list; 0 if there is no pair.

    The range is 0 (equal vectors) to 2 (opposite vectors); orthogonal vectors have 1.

    References:
        Ziegler et al., "Improving recommendation lists through topic diversification" (2005).

    Example:
        >>> vectors = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
        >>> intra_list_diversity(torch.tensor([[1, 2], [1, 3], [1, 0]]), vectors)
        tensor([0., 1., 0.])
    """
    real = recommended > 0
    units = F.normalize(vectors[recommended].float(), dim=-1) * real.unsqueeze(-1)
    # The sum over all pairs, without the items with themselves.
    pairs = units.sum(1).square().sum(-1) - units.square().sum((1, 2))
    size = real.sum(1)
    possible = size * (size - 1)
    return torch.where(possible > 0, 1 - pairs / possible.clamp(min=1), 0.0)


def miscalibration(
    history: Float[Tensor, "B C"], listed: Float[Tensor, "B C"], smoothing: float = 0.01
) -> Float[Tensor, " B"]:
    """Return the divergence ``KL(p | q)`` between the categories of history and list, in nats.

    ``p`` is the distribution over categories in the history. ``q`` is that in the list, mixed with
    a share ``smoothing`` of ``p``, so that the divergence stays finite if the list lacks a
    category. Equal distributions have 0. The inputs need not be normalized. A row in which one of
    them is all 0 has no distribution and gives 0; leave it out before averaging.

    Raises:
        ValueError: a weight is negative, or ``smoothing`` is not between 0 and 1.

    References:
        Steck, "Calibrated recommendations" (2018).

    Example:
        >>> watched = torch.tensor([[7.0, 3.0], [7.0, 3.0]])
        >>> miscalibration(watched, torch.tensor([[70.0, 30.0], [10.0, 0.0]]))
        tensor([0.0000, 1.1340])
    """
    if not 0 < smoothing < 1:
        raise ValueError(f"smoothing must be between 0 and 1; got {smoothing}")
    if (history < 0).any() or (listed < 0).any():
        raise ValueError("miscalibration expects weights of 0 or more; got a negative one")
    p, q = (
        x / x.sum(1, keepdim=True).clamp(min=1e-12) for x in (history.double(), listed.double())
    )
    mixed = (1 - smoothing) * q + smoothing * p
    parts = torch.where(p > 0, p * (p.clamp(min=1e-300).log() - mixed.clamp(min=1e-300).log()), 0.0)
    known = (history.sum(1) > 0) & (listed.sum(1) > 0)
    return torch.where(known, parts.sum(1), 0.0).float()


def _mean_of(recommended: Tensor, values: Tensor) -> Tensor:
    """Return the mean of ``values`` over the items of each list."""
    real = recommended > 0
    total = values[recommended].masked_fill(~real, 0).sum(1)
    return (total / real.sum(1).clamp(min=1)).float()
