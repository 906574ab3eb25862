"""The LightningDataModule: windows of the training part, events of the validation part."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset

from mmrec.data import Batch, Collator, Sampler, Source, Split, bucket_batches, windows
from mmrec.data.device import OnDevice
from mmrec.evaluation import HeldOut, held_out
from mmrec.evaluation.rank_buffer import rows_at_once


class SequenceDataModule(LightningDataModule):
    """Feeds :class:`SequentialRecommender` with a split.

    In several processes each has its own batches and validation events: none is anyone else's, and
    none is left out. ``batch_size`` is that of one process.

    Args:
        split: labelled events.
        sources: the content of the catalogue, by modality.
        train_sources: the same for training batches, where it differs (augmented images).
        negatives: which items join a batch's pool, see :mod:`mmrec.sampling`.
        batch_size: windows in a batch.
        max_length: events in a window's history.
        max_items: upper limit of unique history and target items in a batch (None: no limit);
            what bounds the cost of a step when encoders are trained.
        max_valid: upper limit of validation events that an epoch is judged by, a fixed draw;
            None: all of them.
        workers: processes that load batches; 0 loads in the main process.
        seed: of shuffling and drawing.
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
    ) -> None:
        super().__init__()
        self.split, self.sources, self.negatives = split, sources, negatives
        self.train_sources = sources if train_sources is None else train_sources
        self.batch_size, self.max_length, self.max_items = batch_size, max_length, max_items
        self.max_valid, self.workers, self.seed = max_valid, workers, seed

    def train_dataloader(self) -> DataLoader[Any]:
        """Return batches of windows, shuffled anew each epoch.

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
        collate = Collator(train, self.train_sources, self.negatives, seed=self.seed)
        return DataLoader(
            _Windows(spans, collate),
            # Not a `batch_sampler`: Lightning calls `set_epoch` of a `sampler` only.
            sampler=sampler,
            batch_size=None,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the events of the validation part with their histories."""
        events = _HeldOutEvents(
            self.split, self.max_length, self.max_valid, self._rank, self._world
        )
        return DataLoader(events, batch_size=None)

    def transfer_batch_to_device(
        self, batch: OnDevice, device: torch.device, dataloader_idx: int
    ) -> OnDevice:
        """Move a batch; from page-locked memory a CUDA device fetches it while it computes."""
        return batch.to(device, non_blocking=True)

    @property
    def _rank(self) -> int:
        return 0 if self.trainer is None else self.trainer.global_rank

    @property
    def _world(self) -> int:
        return 1 if self.trainer is None else self.trainer.world_size


class WindowBatches(DistributedSampler[list[int]]):
    """Batches of windows of like length; with ``items``, of at most ``max_items`` unique items.

    The order of an epoch depends on the seed and the epoch alone, and every epoch has the same
    number of batches: the length of a schedule and the end of an epoch rely on it. Several
    processes share the batches of an epoch and have equally many; no window is seen twice. Being a
    ``DistributedSampler`` keeps Lightning from putting its own in front, which repeats samples.

    Args:
        spans: the windows, see :func:`mmrec.data.windows`.
        batch_size: windows in a batch, at most.
        seed: of shuffling.
        items: the item of each event; None for no limit of unique items.
        max_items: that limit. A window with more items is a batch of its own.
        rank: number of this process, from 0.
        world: how many processes there are.

    Raises:
        ValueError: there are more processes than windows, or no process has this number.
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
        # A little more than the first epoch needs, so that the others can be cut to as many.
        spare = cut if items is None else cut + cut // 50 + 1
        # Of all processes together, as many for each.
        self.length = min(-(-spare // world), len(spans) // world) * world

    def __len__(self) -> int:
        return self.length // self.world

    def set_epoch(self, epoch: int) -> None:
        """Choose the order; Lightning calls this at the start of each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        batches = self._cut(self.epoch)
        if len(batches) > self.length:  # an unlucky order; the batches of the first one fit
            batches = self._cut(0)
            np.random.default_rng([self.seed, self.epoch]).shuffle(batches)
        while len(batches) < self.length:
            largest = max(range(len(batches)), key=lambda i: len(batches[i]))
            batch = batches.pop(largest)
            batches += [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
        # Where nearly all batches are one window, `world - 1` at most wait for another epoch.
        return iter(batches[: self.length][self.rank :: self.world])

    def _cut(self, epoch: int) -> list[list[int]]:
        """Cut an epoch into batches; how many there are depends on the order."""
        rng = np.random.default_rng([self.seed, epoch])
        lengths = self.spans[:, 1] - self.spans[:, 0]
        batches = [rows.tolist() for rows in bucket_batches(lengths, self.batch_size, rng)]
        if self.items is None:
            return batches
        return [part for batch in batches for part in self._capped(batch, self.items)]

    def _capped(self, batch: list[int], items: np.ndarray) -> Iterator[list[int]]:
        """Cut one batch where its unique items exceed the limit; a lone window is never cut."""
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


class _HeldOutEvents(IterableDataset[HeldOut]):
    """Every ``world``-th batch of held-out events, the first of them number ``rank``.

    Processes take equally many steps, since DDP sends buffers around in each; where events run out,
    the last step has none.
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
            # Everyone has some, and the scores of a large catalogue fit in memory.
            batch_size=rows_at_once(self.split.catalog_size, max(-(-events // self.world), 1)),
            at_most=self.at_most,
        )
        while group := list(islice(batches, self.world)):
            yield group[self.rank] if self.rank < len(group) else _nobody(group[0])


def _nobody(like: HeldOut) -> HeldOut:
    none = like.histories.map(lambda part: part[:0])
    return HeldOut(like.target[:0], none, like.seen[:, :0], like.position[:0])
