"""Running metrics of a learner beside those of the frozen model."""

import math
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.data import Histories
from mmrec.evaluation import Observed
from mmrec.metrics import ndcg, rank_of_target
from mmrec.models import CatalogScorer

K = 10


class RunningNDCG:
    """NDCG@10 of two models over the last events; each event is ranked before it is learned.

    Each event is ranked in the whole catalogue without the items of its history.

    Args:
        window: the number of events.

    Attributes:
        gains: NDCG@10 of each event, by the name of the model.
    """

    def __init__(self, window: int) -> None:
        self.gains = {name: deque[float](maxlen=window) for name in ("online", "frozen")}

    def add(
        self,
        name: str,
        scorer: CatalogScorer,
        events: Observed,
        size: int,
        bonus: Float[Tensor, "B V1"] | None = None,
    ) -> None:
        """Rank events by a model.

        Args:
            name: of the model, ``"online"`` or ``"frozen"``.
            scorer: the model. Items beyond its catalogue have the lowest rank.
            events: events with their histories.
            size: size of the whole catalogue, with padding.
            bonus: what is added to the scores of each event; by default nothing.
        """
        scores = scorer.scores(_without_unknown(events.histories, len(scorer.vectors)))
        missing = size - scores.shape[1]
        scores = torch.nn.functional.pad(scores, (0, missing), value=-torch.inf)
        if bonus is not None:
            scores = scores + bonus.to(scores)
        exclude = torch.zeros_like(scores, dtype=torch.bool)
        exclude[:, 0] = True
        exclude.scatter_(1, events.histories.items, events.histories.mask)
        ranks = rank_of_target(scores, events.item, exclude)
        self.gains[name].extend(ndcg(ranks, K).tolist())

    def means(self) -> dict[str, float]:
        """Return the mean of each model, NaN without events, and the number of ``"events"``."""
        return {
            name: float(np.mean(values)) if values else math.nan
            for name, values in self.gains.items()
        } | {"events": float(len(self.gains["online"]))}

    def state_dict(self) -> dict[str, list[float]]:
        """Return the gains, which JSON can hold."""
        return {name: list(values) for name, values in self.gains.items()}

    def load_state_dict(self, state: Mapping[str, Sequence[float]]) -> None:
        """Restore what :meth:`state_dict` returned."""
        for name, values in state.items():
            self.gains[name].extend(values)


def _without_unknown(histories: Histories, size: int) -> Histories:
    """Return histories without the items from index ``size`` on."""
    unknown = histories.items >= size
    if not unknown.any():
        return histories
    order = unknown.long().argsort(dim=1, stable=True)
    return histories.map(lambda part: part.masked_fill(unknown, 0).gather(1, order))
