"""What lists are like beside being right: exposure, novelty, diversity, popularity, calibration.

Lists are (B, k): the items of each, 1 to V; 0 for an empty place. ``counts`` are the training
events of every catalogue index, (V+1,).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Num
from torch import Tensor

from mmrec.metrics.functional import exposure


def gini(recommended: Int[Tensor, "B k"], catalog_size: int) -> Float[Tensor, ""]:
    """How unequally the places are shared out: 0 if equally, near 1 if a few items have them all.

    ``sum_i (2 i - V - 1) x_i / (V sum_i x_i)``, with ``x`` the exposures in ascending order.

    Raises:
        ValueError: if an item is not in 0..V, or the catalogue is empty.

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
    """Mean self-information of a list's items, in bits: ``-log2 p(i)``.

    ``p(i) = (n_i + 1) / (n + V)``, with one event added to each item: that of a cold item is
    finite. An empty list has 0.

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
    """Mean number of training events of a list's items (ARP); an empty list has 0.

    Beside the same mean over what users really chose it says how far a recommender leans towards
    what is popular already.

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
    """1 − mean cosine of the vectors of any two items of a list; 0 where there are no two.

    From 0, all alike, over 1, nothing in common, to 2.

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
    """How far the categories of a list are from those of the history: ``KL(p | q)``, in nats.

    ``p`` is the distribution over categories in the history; ``q``, that in the list, is mixed with
    ``smoothing`` of ``p`` so that a category which the list lacks costs much, not infinitely much.
    0 is a list of the same shares. Both need not be normalised; a row in which one of them is all
    0 has no distribution: leave it out before averaging, it gives 0 here.

    Raises:
        ValueError: if a weight is negative, or ``smoothing`` is not between 0 and 1.

    References:
        Steck, "Calibrated recommendations" (2018).

    Example:
        >>> watched = torch.tensor([[7.0, 3.0], [7.0, 3.0]])
        >>> miscalibration(watched, torch.tensor([[70.0, 30.0], [10.0, 0.0]]))
        tensor([0.0000, 1.1340])
    """
    if not 0 < smoothing < 1:
        raise ValueError(f"smoothing expects a number between 0 and 1; got {smoothing}")
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
    """The mean of a value of each item over each list's items."""
    real = recommended > 0
    total = values[recommended].masked_fill(~real, 0).sum(1)
    return (total / real.sum(1).clamp(min=1)).float()
