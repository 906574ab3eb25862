"""Metrics of single lists, from the ranks of their relevant items.

``ranks`` is ``(B,)``, one relevant item per row, or ``(B, R)``, several: distinct ranks from 1
(best), in any order, padded with 0. A row without relevant items scores 0; leave such rows out
before averaging. The metrics are ``(B,)``, from 0 to 1, higher is better. ``k=None`` means the
whole list.
"""

from numbers import Integral

import torch
from jaxtyping import Float, Int
from torch import Tensor


def hit_rate(ranks: Int[Tensor, "B *R"], k: int) -> Float[Tensor, " B"]:
    """Return 1 for rows with at least one relevant item among the first ``k``, else 0.

    Example:
        >>> hit_rate(torch.tensor([1, 10, 11]), k=10)
        tensor([1., 1., 0.])
    """
    _, hits = _hits(ranks, k)
    return hits.any(1).float()


def precision(ranks: Int[Tensor, "B *R"], k: int) -> Float[Tensor, " B"]:
    """Return the number of relevant items among the first ``k``, divided by ``k``.

    Example:
        >>> precision(torch.tensor([[1, 3, 12]]), k=10)
        tensor([0.2000])
    """
    _, hits = _hits(ranks, k)
    return hits.sum(1) / k


def recall(ranks: Int[Tensor, "B *R"], k: int) -> Float[Tensor, " B"]:
    """Return the share of the relevant items that are among the first ``k``.

    Example:
        >>> recall(torch.tensor([[1, 3, 12, 0]]), k=10)
        tensor([0.6667])
    """
    table, hits = _hits(ranks, k)
    return hits.sum(1) / _relevant(table).clamp(min=1)


def mrr(ranks: Int[Tensor, "B *R"], k: int | None = None) -> Float[Tensor, " B"]:
    """Return 1 / rank of the best relevant item; 0 if it is not among the first ``k``.

    Example:
        >>> mrr(torch.tensor([[4, 2], [11, 0]]), k=10)
        tensor([0.5000, 0.0000])
    """
    table, hits = _hits(ranks, k)
    return _where(hits, 1 / table).amax(1)


def average_precision(ranks: Int[Tensor, "B *R"], k: int | None = None) -> Float[Tensor, " B"]:
    """Return the mean, over the relevant items, of the precision at the rank of each.

    With ``k`` the sum is divided by min(R, k), the most relevant items that ``k`` places can hold.

    Example:
        >>> average_precision(torch.tensor([[1, 4]]))  # (1/1 + 2/4) / 2
        tensor([0.7500])
    """
    table, hits = _hits(ranks, k)
    not_above = (table.unsqueeze(1) <= table.unsqueeze(2)) & (table > 0).unsqueeze(1)
    precisions = _where(hits, not_above.sum(2) / table)
    return precisions.sum(1) / _ideal(table, k).clamp(min=1)


def ndcg(ranks: Int[Tensor, "B *R"], k: int | None = None) -> Float[Tensor, " B"]:
    """Return the discounted cumulative gain, divided by that of the ideal list.

    A relevant item gains 1/log2(1 + rank). The ideal list has min(R, k) relevant items on top, so
    with one relevant item its gain is 1.

    References:
        Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (2002).

    Example:
        >>> ndcg(torch.tensor([1, 3, 11]), k=10)
        tensor([1.0000, 0.5000, 0.0000])
    """
    table, hits = _hits(ranks, k)
    gain = _where(hits, 1 / torch.log2(1 + table)).sum(1)
    places = torch.arange(1, table.shape[1] + 1, device=table.device)
    within = places <= _ideal(table, k).unsqueeze(1)
    ideal = _where(within, 1 / torch.log2(1 + places)).sum(1)
    # The clamp only avoids 0/0: without relevant items the gain is 0.
    return gain / ideal.clamp(min=1)


def catalog_coverage(recommended: Int[Tensor, "B k"], catalog_size: int) -> Float[Tensor, ""]:
    """Return the share of the catalogue that is in at least one list.

    Args:
        recommended: the items of each list, 1 to V; 0 for an empty place.
        catalog_size: V, the number of items, without padding.

    Raises:
        ValueError: an item is not in 0..V, or the catalogue is empty.

    Example:
        >>> catalog_coverage(torch.tensor([[1, 2], [2, 0]]), catalog_size=4)
        tensor(0.5000)
    """
    return (exposure(recommended, catalog_size) > 0).sum() / catalog_size


def exposure(recommended: Int[Tensor, "B k"], catalog_size: int) -> Int[Tensor, " V"]:
    """Return how often each item of the catalogue is recommended: item ``i`` at index ``i - 1``.

    Raises:
        ValueError: an item is not in 0..V, or the catalogue is empty.

    Example:
        >>> exposure(torch.tensor([[1, 2], [2, 0]]), catalog_size=4)
        tensor([1, 2, 0, 0])
    """
    if catalog_size < 1:
        raise ValueError(f"catalog_size must be 1 or more; got {catalog_size}")
    outside = (recommended < 0) | (recommended > catalog_size)
    if outside.any():
        wrong = int(recommended[outside][0])
        raise ValueError(f"recommended must hold items from 0 to {catalog_size}; got {wrong}")
    return torch.bincount(recommended.flatten(), minlength=catalog_size + 1)[1:]


def check_length(k: int) -> None:
    """Raise a ``ValueError`` unless ``k`` is a whole number of 1 or more."""
    number: object = k  # callers may ignore the annotation
    if not isinstance(number, Integral) or k < 1:
        raise ValueError(f"k must be a whole number of 1 or more; got {k!r}")


def _hits(ranks: Tensor, k: int | None) -> tuple[Tensor, Tensor]:
    """Return ranks as ``(B, R)`` with R ≥ 1, and a mask of those among the first ``k``."""
    if ranks.ndim not in (1, 2):
        raise ValueError(f"ranks must be (B,) or (B, R); got {tuple(ranks.shape)}")
    if k is not None:
        check_length(k)
    table = ranks.unsqueeze(1) if ranks.ndim == 1 else ranks
    if table.shape[1] == 0:
        table = table.new_zeros(len(table), 1)
    hits = table > 0
    return table, hits if k is None else hits & (table <= k)


def _relevant(table: Tensor) -> Tensor:
    return (table > 0).sum(1)


def _ideal(table: Tensor, k: int | None) -> Tensor:
    """Return how many relevant items a list can hold at most."""
    relevant = _relevant(table)
    return relevant if k is None else relevant.clamp(max=k)


def _where(mask: Tensor, values: Tensor) -> Tensor:
    """Return ``values`` where the mask is True, 0 elsewhere, even where a value is infinite."""
    return values.masked_fill(~mask, 0)
