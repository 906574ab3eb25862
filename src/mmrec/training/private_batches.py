"""Users drawn for a step of private training, and a pool that does not depend on them."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Int

from mmrec.data import Batch, ItemPool, Sequences, Source, load_pool
from mmrec.sampling import Sampler


class UserBatches:
    """Draws users for each step by Poisson sampling, each with one sequence.

    A user's sequence is their last ``max_length + 1`` events. Earlier events are not used, so that
    a user is exactly one sample. Users with fewer than two events have no target and are left out.
    ``negatives`` draws the candidates, the same for all users of a step. Items of the drawn
    users are encoded too, but are not negatives unless they are drawn as candidates.

    Draws are seeded by the operating system, because a known seed would reveal who took part.

    Args:
        sequences: the training events.
        sources: the content of the catalogue, by modality.
        negatives: draws candidates. It must not depend on the events: a
            :class:`mmrec.sampling.FullSampler` or a
            :class:`mmrec.sampling.UniformSampler` of the whole catalogue.
        batch_size: average number of users in a step.
        max_length: number of events in a history.
        device: device of the batches.

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
        if not sequences.is_target.all():
            raise ValueError("training with privacy expects events that are all targets")
        self.device = device
        self.sample_rate = min(batch_size / len(self.spans), 1.0)
        self._rng = np.random.default_rng()
        self._last: tuple[np.ndarray, ItemPool] | None = None

    @property
    def users(self) -> int:
        """Number of users with two or more events."""
        return len(self.spans)

    def draw(self) -> tuple[ItemPool, list[Batch]]:
        """Return the pool of a step, and a batch of one sequence for each drawn user."""
        spans = self.spans[self._rng.random(self.users) < self.sample_rate]
        drawn = np.unique(self.negatives.draw(self._rng))
        interacted = [self.sequences.item[start:end] for start, end in spans]
        pool = self._pool(drawn, np.unique(np.concatenate([drawn, *interacted])))
        return pool, [self._sequence(start, end, pool) for start, end in spans.tolist()]

    def _pool(self, drawn: np.ndarray, items: np.ndarray) -> ItemPool:
        if self._last is not None and np.array_equal(self._last[0], items):
            return self._last[1]  # a pool of the whole catalogue is loaded once
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
        since = torch.from_numpy(self.sequences.gap[start + 1 : end]).float()
        since = since if self.sequences.timed else torch.full_like(since, -1)
        return Batch(
            history=slots[:, :-1],
            target=slots[:, 1:],
            gap=gap.to(self.device).unsqueeze(0),
            event_type=event_type.to(self.device).unsqueeze(0),
            since=since.to(self.device).unsqueeze(0),
            weight=None,
            below=None,
            pool=pool,
        )


def last_windows(sequences: Sequences, max_length: int) -> Int[np.ndarray, "U 2"]:
    """Return ``[start, end)`` of the last ``max_length + 1`` events of users with two or more."""
    ends = sequences.offsets[1:]
    starts = np.maximum(sequences.offsets[:-1], ends - max_length - 1)
    spans: np.ndarray = np.stack([starts, ends], axis=1)[ends - starts > 1]
    return spans
