"""Users drawn for a step of private training, and a pool that says nothing of any of them."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Int

from mmrec.data import Batch, ItemPool, Sampler, Sequences, Source, load_pool


class UserBatches:
    """Poisson draws of users, each with one sequence: in a step, every user takes part by chance.

    A user's sequence is their last ``max_length + 1`` events; those before train nothing, so that
    a user is one sample and no more. Users with fewer than two events have no target and are left
    out. The candidates are what ``negatives`` draws, the same for all users of a step. Items of
    the drawn users are encoded with them, and are nobody's negatives unless drawn themselves.

    Draws come of the operating system's entropy: with a known seed it would be known who took part.

    Args:
        sequences: the training events.
        sources: the content of the catalogue, by modality.
        negatives: draws candidates. It must not know the events: a
            :class:`mmrec.sampling.FullSampler` or a
            :class:`mmrec.sampling.UniformSampler` of the whole catalogue.
        batch_size: how many users take part in a step on average.
        max_length: events in a history.
        device: where what is drawn is put.

    Attributes:
        sample_rate: the probability with which a user takes part in a step.

    Raises:
        ValueError: no user has two events.
    """

    def __init__(
        self,
        sequences: Sequences,
        sources: Mapping[str, Source],
        negatives: Sampler,
        *,
        batch_size: int = 64,
        max_length: int = 200,
        device: str | torch.device = "cpu",
    ) -> None:
        self.sequences, self.sources, self.negatives = sequences, sources, negatives
        self.spans = last_windows(sequences, max_length)
        if not len(self.spans):
            raise ValueError(
                f"training needs a user with two events or more in the training part; all "
                f"{len(sequences.item)} of its events are of different users"
            )
        self.device = device
        self.sample_rate = min(batch_size / len(self.spans), 1.0)
        self._rng = np.random.default_rng()
        self._last: tuple[np.ndarray, ItemPool] | None = None

    @property
    def users(self) -> int:
        """How many users there are."""
        return len(self.spans)

    def draw(self) -> tuple[ItemPool, list[Batch]]:
        """Return the pool of a step, and a batch of one sequence for each user who takes part."""
        spans = self.spans[self._rng.random(self.users) < self.sample_rate]
        drawn = np.unique(self.negatives.draw(self._rng))
        met = [self.sequences.item[start:end] for start, end in spans]
        pool = self._pool(drawn, np.unique(np.concatenate([drawn, *met])))
        return pool, [self._sequence(start, end, pool) for start, end in spans.tolist()]

    def _pool(self, drawn: np.ndarray, items: np.ndarray) -> ItemPool:
        if self._last is not None and np.array_equal(self._last[0], items):
            return self._last[1]  # a pool that is the whole catalogue is loaded once
        chosen = np.isin(items, drawn, assume_unique=True)
        log_q = np.where(chosen, self.negatives.log_inclusion(items), 0.0)
        pool = load_pool(items, self.sources, chosen, log_q).to(self.device)
        self._last = (items, pool) if chosen.all() else None
        return pool

    def _sequence(self, start: int, end: int, pool: ItemPool) -> Batch:
        events = slice(start, end - 1)
        items = torch.from_numpy(self.sequences.item[start:end].astype(np.int64))
        slots = torch.searchsorted(pool.items, items.to(self.device)).unsqueeze(0)
        gap = torch.from_numpy(self.sequences.gap[events]).float()
        event_type = torch.from_numpy(self.sequences.event_type[events])
        return Batch(
            history=slots[:, :-1],
            target=slots[:, 1:],
            gap=gap.to(self.device).unsqueeze(0),
            event_type=event_type.to(self.device).unsqueeze(0),
            pool=pool,
        )


def last_windows(sequences: Sequences, max_length: int) -> Int[np.ndarray, "U 2"]:
    """Return ``[start, end)`` of the last ``max_length + 1`` events of users with two or more."""
    ends = sequences.offsets[1:]
    starts = np.maximum(sequences.offsets[:-1], ends - max_length - 1)
    spans: np.ndarray = np.stack([starts, ends], axis=1)[ends - starts > 1]
    return spans
