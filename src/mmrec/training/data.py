"""The LightningDataModule: windows of the training part, every event of the validation part."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from lightning import LightningDataModule
from torch.utils.data import DataLoader, IterableDataset, Sampler

from mmrec.data import Collator, Negatives, Source, Split, bucket_batches, windows
from mmrec.evaluation import HeldOut, held_out


class SequenceDataModule(LightningDataModule):
    """Feeds :class:`SequentialRecommender` with a split.

    Args:
        split: labelled events.
        sources: the content of the catalogue, by modality.
        negatives: which items join a batch's pool, see :mod:`mmrec.sampling`.
        batch_size: windows in a batch.
        max_length: events in a window's history.
        max_items: upper limit of unique history and target items in a batch (None: no limit);
            what bounds the cost of a step when encoders are trained.
        workers: processes that load batches; 0 loads in the main process.
        seed: of shuffling and drawing.
    """

    def __init__(
        self,
        split: Split,
        sources: Mapping[str, Source],
        negatives: Negatives,
        *,
        batch_size: int = 64,
        max_length: int = 200,
        max_items: int | None = None,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.split, self.sources, self.negatives = split, sources, negatives
        self.batch_size, self.max_length, self.max_items = batch_size, max_length, max_items
        self.workers, self.seed = workers, seed

    def train_dataloader(self) -> DataLoader[Any]:
        """Return batches of windows, shuffled anew each epoch."""
        train = self.split.train
        spans = windows(train, self.max_length)
        sampler = WindowBatches(
            spans,
            self.batch_size,
            seed=self.seed,
            items=train.item if self.max_items else None,
            max_items=self.max_items or 0,
        )
        return DataLoader(
            spans,  # type: ignore[arg-type]  # an array is a map-style data set
            batch_sampler=sampler,
            collate_fn=Collator(train, self.sources, self.negatives, seed=self.seed),
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """Return every event of the validation part with its history."""
        return DataLoader(_HeldOutEvents(self.split, self.max_length), batch_size=None)


class WindowBatches(Sampler[list[int]]):
    """Batches of windows of like length; with ``max_items``, of a bounded number of unique items.

    The order of an epoch depends on the seed and the epoch alone.
    """

    def __init__(
        self,
        spans: np.ndarray,
        batch_size: int,
        *,
        seed: int = 0,
        items: np.ndarray | None = None,
        max_items: int = 0,
    ) -> None:
        self.spans, self.batch_size, self.seed = spans, batch_size, seed
        self.items, self.max_items = items, max_items
        self.epoch = 0

    def __len__(self) -> int:
        if self.items is None:
            return -(-len(self.spans) // self.batch_size)
        return len(self._batches())

    def set_epoch(self, epoch: int) -> None:
        """Choose the order; Lightning calls this at the start of each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches())

    def _batches(self) -> list[list[int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        lengths = self.spans[:, 1] - self.spans[:, 0]
        batches = [rows.tolist() for rows in bucket_batches(lengths, self.batch_size, rng)]
        if self.items is None:
            return batches
        return [part for batch in batches for part in self._cap(batch, self.items)]

    def _cap(self, batch: list[int], items: np.ndarray) -> Iterator[list[int]]:
        """Cut a batch where its unique items exceed the limit; a lone window is never cut."""
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


class _HeldOutEvents(IterableDataset[HeldOut]):
    def __init__(self, split: Split, max_length: int) -> None:
        self.split, self.max_length = split, max_length

    def __iter__(self) -> Iterator[HeldOut]:
        return held_out(self.split, "valid", max_length=self.max_length)
