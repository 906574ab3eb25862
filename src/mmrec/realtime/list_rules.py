"""What holds for every list of a live recommender."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mmrec.data import Where
from mmrec.data.wording import counted, verb
from mmrec.realtime.snapshot import Snapshot
from mmrec.recommender.quotas import AtMost, Quotas, check_at_most


@dataclass(frozen=True)
class ListRules:
    """What holds for every list, beside what a request asks for.

    Args:
        where: a condition on items, see :meth:`mmrec.data.Catalog.where`.
        at_most: how many items of a list may have the same value, by column.
    """

    where: Where | None = None
    at_most: AtMost | None = None

    def check(self, now: Snapshot) -> None:
        """Raise a ``ValueError`` unless the rules can be applied to the items."""
        self.allowed(now, None, None)
        self.quotas(now, None)

    def allowed(
        self,
        now: Snapshot,
        where: Where | None,
        time: float | None,
        unknown: Bool[Tensor, " V1"] | None = None,
    ) -> Bool[Tensor, " V1"] | None:
        """Return the only items that may be on a list; None for all that are available.

        Args:
            now: what is served.
            where: the condition of the request.
            time: the time that ages refer to, in unix seconds; now by default.
            unknown: items of which nothing is known; they are left out.
        """
        conditions = [one for one in (self.where, where) if one is not None]
        if not conditions and unknown is None:
            return None
        allowed = now.available
        if conditions:
            fits = now.state.where(conditions, time, now.catalog)
            allowed = torch.from_numpy(fits) & allowed
        return allowed if unknown is None else allowed & ~unknown

    def unsatisfied(self, now: Snapshot, items: Int[np.ndarray, " N"]) -> str | None:
        """Return how many of some items do not satisfy the condition now; None if all do.

        Args:
            now: what is served.
            items: their catalogue indices.
        """
        if self.where is None:
            return None
        fits = now.state.where(self.where, None, now.catalog.take(items))[1:]
        if not (many := int((~fits).sum())):
            return None
        of = f"{many:,} of {counted(len(items), 'item')} {verb(many, 'does', 'do')} not satisfy"
        rule = f" {self.where}" if isinstance(self.where, str) else ""
        return f"{of} the server's rule{rule}: no list has {verb(many, 'it', 'them')}"

    def quotas(self, now: Snapshot, at_most: AtMost | None) -> Quotas | None:
        """Return how many items may have the same value: of two numbers, the lower one holds."""
        if at_most is None or self.at_most is None:
            return now.state.quotas(self.at_most if at_most is None else at_most, now.catalog)
        check_at_most(at_most)
        both = {**self.at_most, **at_most}
        lower = {name: min(n, self.at_most.get(name, n)) for name, n in both.items()}
        return now.state.quotas(lower, now.catalog)
