"""The LightningDataModule of labeled impressions."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset, IterableDataset

from mmrec.data import ImpressionBatch, ImpressionCollator, Impressions, Source
from mmrec.data.device import OnDevice
from mmrec.training.data import WindowBatches


class ImpressionDataModule(LightningDataModule):
    """Feeds :class:`ClickRecommender` with impressions.

    Several processes share the impressions: each belongs to exactly one process. ``batch_size`` is
    that of one process.

    Args:
        train: impressions to learn from.
        valid: impressions to measure on after each epoch.
        sources: the content of the catalogue, by modality.
        train_sources: content for training batches, if it differs (augmented images).
        negatives: number of items that were not clicked in each impression of training, see
            :class:`mmrec.data.ImpressionCollator`; None for all. NRMS and NAML draw four.
        batch_size: number of impressions in a batch.
        max_length: number of last events of a history.
        workers: number of processes that load batches; 0 loads in the main process.
        seed: seed of shuffling and drawing.

    Raises:
        ValueError: there are no impressions in one of the two.
    """

    def __init__(
        self,
        train: Impressions,
        valid: Impressions,
        sources: Mapping[str, Source],
        *,
        train_sources: Mapping[str, Source] | None = None,
        negatives: int | None = None,
        batch_size: int = 64,
        max_length: int = 50,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not len(train) or not len(valid):
            raise ValueError(
                f"expected impressions for training and validation; got {len(train)} and "
                f"{len(valid)}"
            )
        self.train, self.valid, self.sources = train, valid, sources
        self.train_sources = sources if train_sources is None else train_sources
        self.negatives, self.batch_size, self.max_length = negatives, batch_size, max_length
        self.workers, self.seed = workers, seed

    def train_dataloader(self) -> DataLoader[Any]:
        """Return batches of impressions with histories of similar lengths, shuffled each epoch."""
        collate = ImpressionCollator(
            self.train,
            self.train_sources,
            max_length=self.max_length,
            negatives=self.negatives,
            seed=self.seed,
        )
        first = np.maximum(self.train.start, self.train.stop - self.max_length)
        sampler = _EpochBatches(
            np.stack([first, self.train.stop], axis=1),
            self.batch_size,
            seed=self.seed,
            rank=self._rank,
            world=self._world,
        )
        return DataLoader(
            _Rows(collate),
            # Not a `batch_sampler`: Lightning calls only the `set_epoch` of a `sampler`.
            sampler=sampler,
            batch_size=None,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the impressions of validation, with all that was shown."""
        collate = ImpressionCollator(self.valid, self.sources, max_length=self.max_length)
        shares = _Shares(collate, self.batch_size, self._rank, self._world)
        return DataLoader(shares, batch_size=None)

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


class _EpochBatches(WindowBatches):
    """Yields the rows of a batch with the epoch, which processes that load batches can't see."""

    def __iter__(self) -> Iterator[tuple[int, list[int]]]:  # type: ignore[override]
        return ((self.epoch, rows) for rows in super().__iter__())


class _Rows(Dataset[ImpressionBatch]):
    """Maps an epoch and the rows of a batch to the batch."""

    def __init__(self, collate: ImpressionCollator) -> None:
        self.collate = collate

    def __len__(self) -> int:
        return len(self.collate.impressions)

    def __getitem__(self, at: tuple[int, list[int]]) -> ImpressionBatch:
        epoch, rows = at
        return self.collate(rows, epoch)


class _Shares(IterableDataset[ImpressionBatch]):
    """The batches of one process.

    All processes take the same number of steps, because DDP synchronizes buffers in each. In the
    last step, some may have no impression.
    """

    def __init__(self, collate: ImpressionCollator, batch_size: int, rank: int, world: int) -> None:
        self.collate, self.batch_size, self.rank, self.world = collate, batch_size, rank, world

    def __iter__(self) -> Iterator[ImpressionBatch]:
        lengths = self.collate.impressions.stop - self.collate.impressions.start
        order = np.argsort(lengths, kind="stable")
        step = self.batch_size * self.world
        for start in range(0, len(order), step):
            yield self.collate(order[start : start + step][self.rank :: self.world])
