"""The metrics of :mod:`mmrec.metrics.functional`, averaged over batches and processes."""

from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric

from mmrec.metrics import functional


class RankingMetric(Metric):
    """The mean over rows of a metric of one row; a subclass says which, in ``per_row``.

    ``update`` takes the ranks of a batch, (B,) or (B, R), as the functions do; ``compute`` gives
    the mean over all rows so far, 0 if there were none. The states are a sum and a count, which
    processes add up.

    Args:
        k: length of the list.

    Raises:
        ValueError: if ``k`` is no whole number of 1 or more.

    Example:
        >>> class Top(RankingMetric):
        ...     def per_row(self, ranks):
        ...         return (ranks == 1).float()
        >>> metric = Top()
        >>> metric.update(torch.tensor([1, 2]))
        >>> metric.compute()
        tensor(0.5000)
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self, k: int = 10) -> None:
        super().__init__()
        functional.check_length(k)
        self.k = k
        self.add_state("total", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    @abstractmethod
    def per_row(self, ranks: Int[Tensor, "B *R"]) -> Float[Tensor, " B"]:
        """The metric of each row."""

    def update(self, ranks: Int[Tensor, "B *R"]) -> None:
        """Adds the rows of a batch."""
        self.total += self.per_row(ranks).sum()
        self.count += len(ranks)

    def compute(self) -> Float[Tensor, ""]:
        """The mean over all rows."""
        return self.total / self.count.clamp(min=1)


class HitRate(RankingMetric):
    """The part of the rows with a relevant item in the list; see :func:`mmrec.metrics.hit_rate`.

    Example:
        >>> metric = HitRate(k=10)
        >>> metric.update(torch.tensor([1, 11]))
        >>> metric.compute()
        tensor(0.5000)
    """

    def per_row(self, ranks: Int[Tensor, "B *R"]) -> Float[Tensor, " B"]:
        """Whether each row has a hit."""
        return functional.hit_rate(ranks, self.k)


class NDCG(RankingMetric):
    """Mean normalised discounted cumulative gain; see :func:`mmrec.metrics.ndcg`.

    Example:
        >>> metric = NDCG(k=10)
        >>> metric.update(torch.tensor([1, 3]))
        >>> metric.compute()
        tensor(0.7500)
    """

    def per_row(self, ranks: Int[Tensor, "B *R"]) -> Float[Tensor, " B"]:
        """The NDCG of each row."""
        return functional.ndcg(ranks, self.k)


class MRR(RankingMetric):
    """Mean reciprocal rank; see :func:`mmrec.metrics.mrr`.

    Example:
        >>> metric = MRR(k=10)
        >>> metric.update(torch.tensor([1, 4]))
        >>> metric.compute()
        tensor(0.6250)
    """

    def per_row(self, ranks: Int[Tensor, "B *R"]) -> Float[Tensor, " B"]:
        """The reciprocal rank of each row."""
        return functional.mrr(ranks, self.k)


class MAP(RankingMetric):
    """Mean average precision; see :func:`mmrec.metrics.average_precision`.

    Example:
        >>> metric = MAP(k=10)
        >>> metric.update(torch.tensor([[1, 4], [2, 0]]))
        >>> metric.compute()
        tensor(0.6250)
    """

    def per_row(self, ranks: Int[Tensor, "B *R"]) -> Float[Tensor, " B"]:
        """The average precision of each row."""
        return functional.average_precision(ranks, self.k)


class Precision(RankingMetric):
    """Mean part of the list that is relevant; see :func:`mmrec.metrics.precision`.

    Example:
        >>> metric = Precision(k=10)
        >>> metric.update(torch.tensor([[1, 4], [2, 0]]))
        >>> metric.compute()
        tensor(0.1500)
    """

    def per_row(self, ranks: Int[Tensor, "B *R"]) -> Float[Tensor, " B"]:
        """The precision of each row."""
        return functional.precision(ranks, self.k)


class Recall(RankingMetric):
    """Mean part of the relevant items that is in the list; see :func:`mmrec.metrics.recall`.

    Example:
        >>> metric = Recall(k=10)
        >>> metric.update(torch.tensor([[1, 11], [2, 0]]))
        >>> metric.compute()
        tensor(0.7500)
    """

    def per_row(self, ranks: Int[Tensor, "B *R"]) -> Float[Tensor, " B"]:
        """The recall of each row."""
        return functional.recall(ranks, self.k)


class CatalogCoverage(Metric):
    """The part of the catalogue shown to anyone at all; see :func:`mmrec.metrics.catalog_coverage`.

    ``update`` takes lists of items, not ranks. The state counts how often each item was shown,
    which processes add up.

    Args:
        catalog_size: V, the number of items, without padding.

    Raises:
        ValueError: if the catalogue is empty; in ``update``, if an item is not in 0..V.

    Example:
        >>> metric = CatalogCoverage(catalog_size=4)
        >>> metric.update(torch.tensor([[1, 2]]))
        >>> metric.update(torch.tensor([[2, 3]]))
        >>> metric.compute()
        tensor(0.7500)
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    shown: Tensor

    def __init__(self, catalog_size: int) -> None:
        super().__init__()
        if catalog_size < 1:
            raise ValueError(f"catalog_size expects at least one item; got {catalog_size}")
        self.catalog_size = catalog_size
        self.add_state("shown", torch.zeros(catalog_size, dtype=torch.long), dist_reduce_fx="sum")

    def update(self, recommended: Int[Tensor, "B k"]) -> None:
        """Adds the lists of a batch, (B, k)."""
        self.shown += functional.exposure(recommended, self.catalog_size)

    def compute(self) -> Float[Tensor, ""]:
        """The part of the catalogue in at least one list so far."""
        return (self.shown > 0).sum() / self.catalog_size
