"""The metrics of :mod:`mmrec.metrics.functional`, averaged over batches and processes."""

from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric

from mmrec.metrics import functional


class RankingMetric(Metric):
    """The mean over rows of a metric; subclasses define the metric in ``per_row``.

    ``update`` takes the ranks of a batch, ``(B,)`` or ``(B, R)``. ``compute`` returns the mean over
    all rows so far, 0 if there are none. The states are a sum and a count, which are summed over
    processes.

    Args:
        k: length of the lists.

    Raises:
        ValueError: ``k`` is not a whole number of 1 or more.

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
        """Return the metric of each row."""

    def update(self, ranks: Int[Tensor, "B *R"]) -> None:
        """Add the rows of a batch."""
        self.total += self.per_row(ranks).sum()
        self.count += len(ranks)

    def compute(self) -> Float[Tensor, ""]:
        """Return the mean over all rows."""
        return self.total / self.count.clamp(min=1)


class HitRate(RankingMetric):
    """Share of the rows with a relevant item in the list; see :func:`mmrec.metrics.hit_rate`.

    Example:
        >>> metric = HitRate(k=10)
        >>> metric.update(torch.tensor([1, 11]))
        >>> metric.compute()
        tensor(0.5000)
    """

    def per_row(self, ranks: Int[Tensor, "B *R"]) -> Float[Tensor, " B"]:
        """Return 1 for rows with a hit, else 0."""
        return functional.hit_rate(ranks, self.k)


class NDCG(RankingMetric):
    """Mean normalized discounted cumulative gain; see :func:`mmrec.metrics.ndcg`.

    Example:
        >>> metric = NDCG(k=10)
        >>> metric.update(torch.tensor([1, 3]))
        >>> metric.compute()
        tensor(0.7500)
    """

    def per_row(self, ranks: Int[Tensor, "B *R"]) -> Float[Tensor, " B"]:
        """Return the NDCG of each row."""
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
        """Return the reciprocal rank of each row."""
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
        """Return the average precision of each row."""
        return functional.average_precision(ranks, self.k)


class Precision(RankingMetric):
    """Mean share of the list that is relevant; see :func:`mmrec.metrics.precision`.

    Example:
        >>> metric = Precision(k=10)
        >>> metric.update(torch.tensor([[1, 4], [2, 0]]))
        >>> metric.compute()
        tensor(0.1500)
    """

    def per_row(self, ranks: Int[Tensor, "B *R"]) -> Float[Tensor, " B"]:
        """Return the precision of each row."""
        return functional.precision(ranks, self.k)


class Recall(RankingMetric):
    """Mean share of the relevant items that are in the list; see :func:`mmrec.metrics.recall`.

    Example:
        >>> metric = Recall(k=10)
        >>> metric.update(torch.tensor([[1, 11], [2, 0]]))
        >>> metric.compute()
        tensor(0.7500)
    """

    def per_row(self, ranks: Int[Tensor, "B *R"]) -> Float[Tensor, " B"]:
        """Return the recall of each row."""
        return functional.recall(ranks, self.k)


class CatalogCoverage(Metric):
    """Share of the catalogue in at least one list; see :func:`mmrec.metrics.catalog_coverage`.

    ``update`` takes lists of items, not ranks. The state counts how often each item was
    recommended, summed over processes.

    Args:
        catalog_size: V, the number of items, without padding.

    Raises:
        ValueError: the catalogue is empty; in ``update``, an item is not in 0..V.

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
            raise ValueError(f"catalog_size must be 1 or more; got {catalog_size}")
        self.catalog_size = catalog_size
        self.add_state("shown", torch.zeros(catalog_size, dtype=torch.long), dist_reduce_fx="sum")

    def update(self, recommended: Int[Tensor, "B k"]) -> None:
        """Add the lists of a batch, ``(B, k)``."""
        self.shown += functional.exposure(recommended, self.catalog_size)

    def compute(self) -> Float[Tensor, ""]:
        """Return the share of the catalogue in at least one list so far."""
        return (self.shown > 0).sum() / self.catalog_size
