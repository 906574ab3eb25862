"""A batch of labeled impressions and its pool of items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.data.batch import ItemPool, load_pool, slots_of
from mmrec.data.device import OnDevice
from mmrec.data.histories import Histories
from mmrec.data.impressions import Impressions
from mmrec.data.modalities import Source


@dataclass(frozen=True)
class ImpressionBatch(OnDevice):
    """Impressions with the histories before them; items are positions in the pool, 0 = padding.

    Attributes:
        history: ``(B, T)``.
        gap: seconds since the event before, ``(B, T)``.
        event_type: event type, 0 = unknown, ``(B, T)``.
        candidates: what was shown, ``(B, N)``.
        clicked: which of it was clicked, ``(B, N)``.
        pool: the items.
    """

    history: Int[Tensor, "B T"]
    gap: Float[Tensor, "B T"]
    event_type: Int[Tensor, "B T"]
    candidates: Int[Tensor, "B N"]
    clicked: Bool[Tensor, "B N"]
    pool: ItemPool

    @property
    def mask(self) -> Bool[Tensor, "B T"]:
        """True where there is a history event."""
        return self.history > 0

    @property
    def shown(self) -> Bool[Tensor, "B N"]:
        """True where there is a candidate."""
        return self.candidates > 0

    def __len__(self) -> int:
        return self.history.shape[0]


class ImpressionCollator:
    """Turns rows of a table of impressions into a batch; runs in a data-loader worker.

    Args:
        impressions: the impressions.
        sources: the content of the catalogue, by modality.
        max_length: number of last events of a history.
        negatives: number of items that were not clicked in each impression, a new draw in each
            epoch; None for all. Clicks are all kept, so scores of a model that learns from a draw
            are too high to be probabilities.
        seed: seed of the draws, which depend on it, the epoch and the rows of the batch alone.

    Raises:
        ValueError: ``max_length`` or ``negatives`` is below 1, or a source is not of the catalogue.

    Example:
        >>> from mmrec.data import Catalog, Interactions, id_source, read_impressions
        >>> log = {"user_id": ["u"] * 3, "item_id": [7, 8, 9], "timestamp": [1, 5, 5]}
        >>> log |= {"event": ["click", "impression", "click"], "impression_id": [None, 1, 1]}
        >>> made = read_impressions(Interactions(log), Catalog({"item_id": [7, 8, 9]}))
        >>> batch = ImpressionCollator(made, {"id": id_source({1: 1, 2: 2, 3: 3}, 3)})([0])
        >>> batch.history, batch.candidates, batch.clicked
        (tensor([[1]]), tensor([[2, 3]]), tensor([[False,  True]]))
    """

    def __init__(
        self,
        impressions: Impressions,
        sources: Mapping[str, Source],
        *,
        max_length: int = 50,
        negatives: int | None = None,
        seed: int = 0,
    ) -> None:
        if max_length < 1 or (negatives is not None and negatives < 1):
            raise ValueError(
                f"expected max_length and negatives of 1 or more; got {max_length} and {negatives}"
            )
        for name, source in sources.items():
            if len(source.present) != impressions.catalog_size + 1:
                raise ValueError(
                    f"expected sources with a row of padding and {impressions.catalog_size} items; "
                    f"got {len(source.present)} rows of {name!r}"
                )
        self.impressions, self.sources = impressions, sources
        self.max_length, self.negatives, self.seed = max_length, negatives, seed

    def __call__(
        self, rows: Sequence[int] | Int[np.ndarray, " B"], epoch: int = 0
    ) -> ImpressionBatch:
        """Return the batch of some impressions, with the draws of an epoch."""
        rows = np.asarray(rows, dtype=np.int64)
        history = histories_of(self.impressions, rows, self.max_length)
        item, clicked = shown_in(self.impressions, rows)
        if self.negatives is not None:
            rng = np.random.default_rng([self.seed, epoch, *rows])
            item, clicked = _drawn(item, clicked, self.negatives, rng)
        past = history.items.numpy()
        items = np.unique(np.concatenate([past[past > 0], item[item > 0]]))
        return ImpressionBatch(
            history=slots_of(past, items),
            gap=history.gap,
            event_type=history.event_type,
            candidates=slots_of(item, items),
            clicked=torch.from_numpy(clicked),
            pool=load_pool(items, self.sources),
        )


def histories_of(
    impressions: Impressions, rows: Int[np.ndarray, " B"], max_length: int
) -> Histories:
    """Return the last events before some impressions, and the times of these."""
    stop, start = impressions.stop[rows], impressions.start[rows]
    made = Histories.of_events(impressions.events, np.maximum(start, stop - max_length), stop)
    if not impressions.events.timed:
        return made
    time = np.append(impressions.events.time, 0.0)
    since = np.where(stop > start, impressions.time[rows] - time[stop - 1], -1.0)
    return replace(
        made,
        at=torch.from_numpy(impressions.time[rows].astype(np.float64)),
        since=torch.from_numpy(since).float(),
    )


def shown_in(
    impressions: Impressions, rows: Int[np.ndarray, " B"]
) -> tuple[Int[np.ndarray, "B N"], Bool[np.ndarray, "B N"]]:
    """Return the items of some impressions, padded with 0, and which of them were clicked."""
    first = impressions.offsets[rows][:, None]
    sizes = impressions.offsets[rows + 1][:, None] - first
    place = np.arange(max(int(sizes.max(initial=1)), 1))
    there = place < sizes
    at = np.where(there, first + place, 0)
    return np.where(there, impressions.item[at], 0), there & impressions.clicked[at]


def _drawn(
    item: Int[np.ndarray, "B N"],
    clicked: Bool[np.ndarray, "B N"],
    negatives: int,
    rng: np.random.Generator,
) -> tuple[Int[np.ndarray, "B K"], Bool[np.ndarray, "B K"]]:
    """Return the clicked items, and at most ``negatives`` of the others, in a random order."""
    # Clicked items come first, padding last, the others between in a random order.
    order = np.argsort(np.select([clicked, item == 0], [-1.0, 2.0], rng.random(item.shape)), axis=1)
    item, clicked = (np.take_along_axis(values, order, axis=1) for values in (item, clicked))
    kept = np.arange(item.shape[1]) < clicked.sum(1, keepdims=True) + negatives
    width = max(int((kept & (item > 0)).sum(1).max(initial=1)), 1)
    return np.where(kept, item, 0)[:, :width], clicked[:, :width]
