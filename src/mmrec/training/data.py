"""The LightningDataModule: windows of the training part, events of the validation part."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset

from mmrec.data import Batch, Collator, Source, Split, bucket_batches, windows
from mmrec.data.device import OnDevice
from mmrec.evaluation import HeldOut, held_out
from mmrec.evaluation.rank_buffer import rows_at_once
from mmrec.sampling import Sampler


class SequenceDataModule(LightningDataModule):
    """Feeds :class:`SequentialRecommender` with a split.

    Several processes share the batches and the validation events: each belongs to exactly one
    process. ``batch_size`` is that of one process.

    Args:
        split: labelled events.
        sources: the content of the catalogue, by modality.
        negatives: draws the negatives of a batch, see :mod:`mmrec.sampling`.
        train_sources: content for training batches, if it differs (augmented images).
        batch_size: number of windows in a batch.
        max_length: number of events in a window's history.
        max_items: maximal number of unique history and target items in a batch; None for no limit.
            It limits the cost of a step if encoders are trained.
        max_valid: maximal number of validation events, a fixed draw; None for all.
        workers: number of processes that load batches; 0 loads in the main process.
        seed: seed of shuffling and drawing.
        users: the features in the table of users that the split refers to, by modality.
    """

    def __init__(
        self,
        split: Split,
        sources: Mapping[str, Source],
        negatives: Sampler,
        *,
        train_sources: Mapping[str, Source] | None = None,
        batch_size: int = 64,
        max_length: int = 200,
        max_items: int | None = None,
        max_valid: int | None = None,
        workers: int = 0,
        seed: int = 0,
        users: Mapping[str, Source] | None = None,
    ) -> None:
        super().__init__()
        self.split, self.sources, self.negatives = split, sources, negatives
        self.users = users
        self.train_sources = sources if train_sources is None else train_sources
        self.batch_size, self.max_length, self.max_items = batch_size, max_length, max_items
        self.max_valid, self.workers, self.seed = max_valid, workers, seed

    def train_dataloader(self) -> DataLoader[Any]:
        """Return batches of windows, shuffled in each epoch.

        Raises:
            ValueError: no user has two events in the training part.
        """
        train = self.split.train
        spans = windows(train, self.max_length)
        if not len(spans):
            raise ValueError(
                f"training needs a user with two events or more in the training part; all "
                f"{len(train.item)} of its events are of different users"
            )
        sampler = WindowBatches(
            spans,
            self.batch_size,
            seed=self.seed,
            items=train.item if self.max_items else None,
            max_items=self.max_items or 0,
            rank=self._rank,
            world=self._world,
        )
        collate = Collator(
            train, self.train_sources, self.negatives, seed=self.seed, users=self.users
        )
        return DataLoader(
            _Windows(spans, collate),
            # Not a `batch_sampler`: Lightning calls only the `set_epoch` of a `sampler`.
            sampler=sampler,
            batch_size=None,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the events of the validation part with their histories."""
        events = HeldOutEvents(self.split, self.max_length, self.max_valid, self._rank, self._world)
        return DataLoader(events, batch_size=None)

    def transfer_batch_to_device(
        self, batch: OnDevice, device: torch.device, dataloader_idx: int
    ) -> OnDevice:
        """Move a batch; on CUDA, a copy from page-locked memory overlaps with computation."""
        return batch.to(device, non_blocking=True)

    @property
    def _rank(self) -> int:
        return 0 if self.trainer is None else self.trainer.global_rank

    @property
    def _world(self) -> int:
        return 1 if self.trainer is None else self.trainer.world_size


class WindowBatches(DistributedSampler[list[int]]):
    """Batches of windows of similar length, optionally with a limit of unique items.

    The order of an epoch depends only on the seed and the epoch. Every epoch has the same number of
    batches, because the schedule and the end of an epoch rely on it. Several processes share the
    batches of an epoch, with equally many each, and no window is repeated. This is a
    ``DistributedSampler`` so that Lightning does not add its own, which repeats samples.

    Args:
        spans: the windows, see :func:`mmrec.data.windows`.
        batch_size: maximal number of windows in a batch.
        seed: seed of shuffling.
        items: the item of each event; None for no limit of unique items.
        max_items: maximal number of unique items in a batch. A window with more items is a batch of
            its own.
        rank: number of this process, from 0.
        world: number of processes.

    Raises:
        ValueError: there are more processes than windows, or ``rank`` is not below ``world``.
    """

    def __init__(
        self,
        spans: np.ndarray,
        batch_size: int,
        *,
        seed: int = 0,
        items: np.ndarray | None = None,
        max_items: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        super().__init__(spans, world, rank, seed=seed)  # type: ignore[arg-type]
        self.spans, self.batch_size, self.world = spans, batch_size, world
        self.items, self.max_items = items, max_items
        if len(spans) < world:
            raise ValueError(f"{world} processes need as many windows; there are {len(spans)}")
        cut = len(self._cut(0))
        # A few more than the first epoch needs, so that other epochs can be cut to the same number.
        spare = cut if items is None else cut + cut // 50 + 1
        # Over all processes: a multiple of their number.
        self.length = min(-(-spare // world), len(spans) // world) * world

    def __len__(self) -> int:
        return self.length // self.world

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which decides the order; Lightning calls this as an epoch starts."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        batches = self._cut(self.epoch)
        if len(batches) > self.length:  # too many in this order; those of the first epoch fit
            batches = self._cut(0)
            np.random.default_rng([self.seed, self.epoch]).shuffle(batches)
        while len(batches) < self.length:
            largest = max(range(len(batches)), key=lambda i: len(batches[i]))
            batch = batches.pop(largest)
            batches += [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
        # If nearly all batches have one window, up to `world - 1` windows are left out.
        return iter(batches[: self.length][self.rank :: self.world])

    def _cut(self, epoch: int) -> list[list[int]]:
        """Return the batches of an epoch; their number depends on the order."""
        rng = np.random.default_rng([self.seed, epoch])
        lengths = self.spans[:, 1] - self.spans[:, 0]
        batches = [rows.tolist() for rows in bucket_batches(lengths, self.batch_size, rng)]
        if self.items is None:
            return batches
        return [part for batch in batches for part in self._capped(batch, self.items)]

    def _capped(self, batch: list[int], items: np.ndarray) -> Iterator[list[int]]:
        """Yield the parts of a batch that keep to the limit of unique items; windows stay whole."""
        part: list[int] = []
        unique: set[int] = set()
        for row in batch:
            start, end = self.spans[row]
            new = set(items[start:end].tolist())
            if part and len(unique | new) > self.max_items:
                yield part
                part, unique = [], set()
            part.append(row)
            unique |= new
        yield part


class _Windows(Dataset[Batch]):
    """Maps the rows of a batch to the batch."""

    def __init__(self, spans: np.ndarray, collate: Collator) -> None:
        self.spans, self.collate = spans, collate

    def __len__(self) -> int:
        return len(self.spans)

    def __getitem__(self, rows: list[int]) -> Batch:
        return self.collate(list(self.spans[rows]))


class HeldOutEvents(IterableDataset[HeldOut]):
    """Every ``world``-th batch of held-out events, starting with batch ``rank``.

    All processes take the same number of steps, because DDP synchronizes buffers in each. In the
    last step, some processes may have no events.
    """

    def __init__(
        self, split: Split, max_length: int, at_most: int | None, rank: int, world: int
    ) -> None:
        self.split, self.max_length, self.at_most = split, max_length, at_most
        self.rank, self.world = rank, world

    def __iter__(self) -> Iterator[HeldOut]:
        events = len(self.split.targets("valid"))
        events = events if self.at_most is None else min(events, self.at_most)
        batches = held_out(
            self.split,
            "valid",
            max_length=self.max_length,
            # Every process has some, and the scores of a large catalogue fit in memory.
            batch_size=rows_at_once(self.split.catalog_size, max(-(-events // self.world), 1)),
            at_most=self.at_most,
        )
        while group := list(islice(batches, self.world)):
            yield group[self.rank] if self.rank < len(group) else _without_events(group[0])


def _without_events(like: HeldOut) -> HeldOut:
    none = like.histories.rows(torch.zeros(0, dtype=torch.long))
    return HeldOut(like.target[:0], none, like.seen[:, :0], like.position[:0])
