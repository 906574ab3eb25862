"""Learners of a stream: one that doesn't learn, and one that counts."""

from collections import defaultdict

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.data import Histories, Sequences
from mmrec.evaluation.prequential import Observed
from mmrec.evaluation.protocol import HistoryScorer


class Frozen:
    """A scorer that stays as it is: what learning on from a stream is compared with.

    Example:
        >>> from mmrec.baselines import Popularity
        >>> Frozen(Popularity()).update(None)
    """

    def __init__(self, scorer: HistoryScorer) -> None:
        self.catalog_scorer = scorer
        if hasattr(scorer, "rerank"):
            self.rerank = scorer.rerank

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scorer's scores."""
        return self.catalog_scorer.scores(histories)

    def update(self, events: Observed | None) -> None:
        """Do nothing."""


class OnlineMarkov:
    """A first-order Markov chain, backed by popularity, that counts each event as it comes.

    Without forgetting, after the same events, it scores as :class:`mmrec.baselines.Markov` does.
    With it, the chain follows a drift: an item's count halves with every ``half_life`` further
    events, that of a transition with as many further transitions from the same item.

    Args:
        catalog_size: V.
        half_life: in events; None never forgets.

    Example:
        >>> learner = OnlineMarkov(2)
        >>> learner.learn(np.array([0, 1, 1]), np.array([1, 2, 2]))
        >>> learner.scores(Histories.of_items([[1], []]))
        tensor([[0.0000, 0.3333, 2.6667],
                [0.0000, 0.3333, 0.6667]])
    """

    def __init__(self, catalog_size: int, *, half_life: float | None = None) -> None:
        if half_life is not None and half_life <= 0:
            raise ValueError(f"half_life must be above 0; got {half_life}")
        self.catalog_size = catalog_size
        self.decay = 1.0 if half_life is None else 0.5 ** (1 / half_life)
        self.counts = torch.zeros(catalog_size + 1, dtype=torch.float64)
        self.after: defaultdict[int, defaultdict[int, float]] = defaultdict(
            lambda: defaultdict(float)
        )

    def fit(self, events: Sequences) -> "OnlineMarkov":
        """Count events that lie before the stream, in time order."""
        first = np.zeros(len(events.item), dtype=bool)
        first[events.offsets[:-1][np.diff(events.offsets) > 0]] = True
        before = np.where(first, 0, np.roll(events.item, 1))
        order = np.argsort(events.time, kind="stable")
        self.learn(before[order], events.item[order])
        return self

    def update(self, events: Observed) -> None:
        """Count events of the stream."""
        self.learn(events.histories.last_items().numpy(), events.item.numpy())

    def learn(self, before: Int[np.ndarray, " B"], items: Int[np.ndarray, " B"]) -> None:
        """Count items, each after the one its user met before it (0 = none)."""
        ages = torch.arange(len(items) - 1, -1, -1, dtype=torch.float64)
        self.counts *= self.decay ** len(items)
        self.counts.index_add_(0, torch.from_numpy(items), self.decay**ages)
        for last, item in zip(before.tolist(), items.tolist(), strict=True):
            if last:
                row = self.after[last]
                if self.decay < 1:
                    for other in row:
                        row[other] *= self.decay
                row[item] += 1.0

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index for each history."""
        popularity = self.counts / (self.counts.max() + 1)
        scores = popularity.float().repeat(len(histories), 1)
        for row, last in enumerate(histories.last_items().tolist()):
            following = self.after.get(last)
            if following:
                weights = torch.tensor(list(following.values()))
                scores[row, torch.tensor(list(following))] += weights
        return scores
