"""The candidates of each request, with the features that are weighted."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.trends.age import AGE_VALUES, age_basis
from mmrec.trends.requests import Requests, Scores
from mmrec.trends.trend_history import TrendHistory

MOST_ELEMENTS = 2**21
"""Requests times candidates: 126 MB of features."""

FEWEST = 64
BLOCK = 64
"""Requests that are scored at once."""

SCORE, NOW, STATIC, AGE = 0, 1, 2, 3
WIDTH = AGE + AGE_VALUES
"""Features: the model's score, popularity now, long-run popularity, the hat functions of age."""


class Row(NamedTuple):
    """A request with all that its ranking depends on.

    Attributes:
        number: the row of the requests.
        target: the item that was chosen.
        scores: the model's scores, ``-inf`` for what is not recommended, ``(V + 1,)``.
        now: ``log1p(V · share)`` of each item, ``(V + 1,)``.
        age: seconds, NaN for items that were not met yet, ``(V + 1,)``.
    """

    number: int
    target: int
    scores: Float[np.ndarray, " V1"]
    now: Float[np.ndarray, " V1"]
    age: Float[np.ndarray, " V1"]

    @property
    def reachable(self) -> bool:
        """Whether the target may be recommended."""
        return bool(np.isfinite(self.scores[self.target]))


def rows_of(
    scores: Scores, requests: Requests, chosen: Int[np.ndarray, " N"], history: TrendHistory
) -> Iterator[Row]:
    """Yield the chosen requests.

    Raises:
        ValueError: the scores have another shape than ``(b, V + 1)``, or are NaN.
    """
    width = history.trend.catalog_size + 1
    for start in range(0, len(chosen), BLOCK):
        numbers = chosen[start : start + BLOCK]
        block = scores(numbers).float().cpu().numpy()
        if block.shape != (len(numbers), width) or np.isnan(block[:, 1:]).any():
            raise ValueError(
                f"scores must be numbers of shape {(len(numbers), width)}; got shape "
                f"{block.shape} with {int(np.isnan(block[:, 1:]).sum())} NaN"
            )
        for number, own in zip(numbers.tolist(), block, strict=True):
            own = own.copy()
            own[0] = -np.inf
            own[requests.seen_by(number)] = -np.inf
            now, age = history.features(float(requests.at[number]))
            yield Row(number, int(requests.target[number]), own, now, age)


def design(
    rows: Iterator[Row], number: int, static: Float[np.ndarray, " V1"], rng: np.random.Generator
) -> tuple[Float[Tensor, "N C K"], Float[Tensor, "N C"]]:
    """Return features of the candidates of each row, the target first, and their offsets.

    In a small catalogue all items are candidates. In a large one they are those of the highest
    scores and as many that are drawn from the rest, which stand for all of the rest: their offset
    is the logarithm of how many each stands for. A row whose target is not recommended has its
    target alone, so that it has no say.

    Args:
        rows: the requests.
        number: N, the number of rows.
        static: ``log1p(V · long-run share)`` of each item.
        rng: draws the candidates.
    """
    size = len(static) - 1
    most = max(MOST_ELEMENTS // number, FEWEST)
    width = 1 + min(size, most)
    features = np.zeros((number, width, WIDTH), dtype=np.float32)
    offset = np.full((number, width), -np.inf, dtype=np.float32)
    offset[:, 0] = 0.0
    for place, row in enumerate(rows):
        if not row.reachable:
            continue
        candidates, own = _candidates(row, most, rng)
        items = np.append(row.target, candidates)
        offset[place, 1 : len(items)] = own
        block = features[place, : len(items)]
        block[:, SCORE] = row.scores[items]
        block[:, NOW] = row.now[items]
        block[:, STATIC] = static[items]
        block[:, AGE:] = age_basis(row.age[items])
    return torch.from_numpy(features), torch.from_numpy(offset)


def _candidates(
    row: Row, most: int, rng: np.random.Generator
) -> tuple[Int[np.ndarray, " C"], Float[np.ndarray, " C"]]:
    """Return the candidates beside the target, and the log of how many items each stands for."""
    free: Bool[np.ndarray, " V1"] = np.isfinite(row.scores)
    free[row.target] = False
    items = np.flatnonzero(free)
    if len(items) <= most:
        return items, np.zeros(len(items))
    # What is popular now may become a top item, so it is drawn upwards here.
    likely = (row.scores + row.now)[items]
    split = len(items) - most // 2
    order = np.argpartition(likely, split)
    top, rest = items[order[split:]], items[order[:split]]
    drawn = rng.choice(rest, most - len(top), replace=True)
    stands_for = np.log(len(rest) / len(drawn))
    return np.append(top, drawn), np.repeat([0.0, stands_for], [len(top), len(drawn)])
