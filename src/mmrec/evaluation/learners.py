"""Learners of a stream: a scorer that never changes, and a Markov chain that counts."""

from collections import defaultdict

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.data import Histories, Sequences
from mmrec.evaluation.history_scorer import HistoryScorer, second_stage
from mmrec.evaluation.prequential import Observed


class Frozen:
    """A scorer that doesn't learn: the baseline for learners of a stream.

    Example:
        >>> from mmrec.baselines import Popularity
        >>> Frozen(Popularity()).update(None)
    """

    def __init__(self, scorer: HistoryScorer) -> None:
        self.scorer = scorer

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of the scorer."""
        return self.scorer.scores(histories)

    @property
    def reranks(self) -> bool:
        """Whether the scorer has a second stage."""
        return second_stage(self.scorer) is not None

    def rerank(
        self, scores: Float[Tensor, "B V1"], histories: Histories, exclude: Bool[Tensor, "B V1"]
    ) -> Float[Tensor, "B V1"]:
        """Return the final scores of the scorer."""
        rerank = second_stage(self.scorer)
        return scores if rerank is None else rerank(scores, histories, exclude)

    def update(self, events: Observed | None) -> None:
        """Do nothing."""


class OnlineMarkov:
    """A first-order Markov chain with popularity as fallback, updated with each event.

    Without forgetting it gives the scores of :class:`mmrec.baselines.Markov` on the same events.
    With a ``half_life`` it follows drift: the count of an item halves after every ``half_life``
    further events, and the count of a transition after as many further transitions from the same
    item.

    Args:
        catalog_size: V.
        half_life: in events; None to count all events alike.

    Raises:
        ValueError: ``half_life`` is not above 0.

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
        """Count the events before the stream, in time order."""
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
        """Count ``items``, each after the item before it in its history (``before``, 0 = none)."""
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
