"""Numbers of an item that lie beside the learned vector: what finds new items."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from mmrec.data import Catalog, Source
from mmrec.encoders import GivenEncoder, quantile_edges, soft_bins
from mmrec.layers import record_init_args
from mmrec.recommender.content.columns import as_names, column_of, find_columns
from mmrec.recommender.content.modality import Context, Facts, Prepared
from mmrec.recommender.content.number import COLUMNS, numbers_of, source_of_numbers


@record_init_args
class SideModality:
    """Numbers of columns that the fusion does not read.

    They are for affinities: how near the year or the price of an item is to those of the last
    items, see :mod:`mmrec.affinities`. The learned vector of an item does not depend on them. What
    makes a new film findable, for example, is mostly when it is from.

    A column may hold what a column of :class:`NumberModality` may hold. A number is soft bins
    between quantiles of all items (:func:`mmrec.encoders.soft_bins`).

    Args:
        columns: the columns; by default those of ``price``, ``year``, ``duration`` and ``stars``
            that exist.
        bins: most pieces of a column.

    Example:
        >>> catalog = Catalog({"item_id": ["a", "b", "c"], "year": ["1990", "1999", ""]})
        >>> made = SideModality().prepare(catalog, Context(dim=4, trained=np.array([1])))
        >>> made.facts["edges"], made.source.present.tolist()
        ({'year': [1990.0, 1999.0]}, [False, True, True, False])
    """

    has_content = True

    def __init__(self, columns: str | Sequence[str] | None = None, *, bins: int = 32) -> None:
        if bins < 1:
            raise ValueError(f"bins must be 1 or more; got {bins}")
        self.columns, self.bins = as_names(columns), bins

    def columns_read(self, facts: Facts) -> tuple[str, ...]:
        """Return the columns of the numbers."""
        return tuple(facts["edges"])

    def prepare(self, catalog: Catalog, context: Context) -> Prepared:
        """Read the numbers of the catalogue and their quantiles.

        The quantiles are those of all items, since new ones may have numbers of their own.
        """
        if context.before is not None:
            edges: dict[str, list[float]] = context.before["edges"]
        else:
            names = find_columns("side", catalog, self.columns, COLUMNS)
            numbers = {name: numbers_of(column_of(catalog, name))[0] for name in names}
            edges = {n: quantile_edges(found, self.bins).tolist() for n, found in numbers.items()}
        if empty := [name for name, found in edges.items() if not found]:
            raise ValueError(f"modality 'side': no item has a number in {empty}")
        source, problems = source_of_numbers(catalog, edges, soft_bins)
        facts = {"edges": edges}
        return Prepared(source, self.rebuild(facts), facts, problems=problems)

    def rebuild(self, facts: Facts) -> GivenEncoder:
        """Return what hands the soft bins on."""
        return GivenEncoder(sum(len(edges) for edges in facts["edges"].values()))

    def facts_of(self, catalog: Catalog, encoder: nn.Module) -> dict[str, Any]:
        """Raise a ``ValueError``: the quantiles are not known."""
        raise ValueError("SideModality can't be used in from_model: its quantiles are unknown")

    def source_of(
        self, items: Catalog, encoder: nn.Module, facts: Facts, slots: np.ndarray
    ) -> tuple[Source, dict[int, str]]:
        """Return the soft bins of further items."""
        return source_of_numbers(items, facts["edges"], soft_bins)
