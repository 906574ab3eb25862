"""The LightningDataModule: windows of the training part, events of the validation part."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler

from mmrec.data import Batch, Collator, Negatives, Source, Split, bucket_batches, windows
from mmrec.evaluation import HeldOut, held_out


class SequenceDataModule(LightningDataModule):
    """Feeds :class:`SequentialRecommender` with a split.

    Args:
        split: labelled events.
        sources: the content of the catalogue, by modality.
        train_sources: the same for training batches, where it differs (augmented pictures).
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
        negatives: Negatives,
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
        )
        collate = Collator(train, self.train_sources, self.negatives, seed=self.seed)
        return DataLoader(
            _Windows(spans, collate),
            # Not a `batch_sampler`: Lightning calls `set_epoch` of a `sampler` only.
            sampler=sampler,
            batch_size=None,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the events of the validation part with their histories."""
        return DataLoader(
            _HeldOutEvents(self.split, self.max_length, self.max_valid), batch_size=None
        )


class WindowBatches(Sampler[list[int]]):
    """Batches of windows of like length; with ``items``, of at most ``max_items`` unique items.

    The order of an epoch depends on the seed and the epoch alone, and every epoch has the same
    number of batches: the length of a schedule and the end of an epoch rely on it.

    Args:
        spans: the windows, see :func:`mmrec.data.windows`.
        batch_size: windows in a batch, at most.
        seed: of shuffling.
        items: the item of each event; None for no limit of unique items.
        max_items: that limit. A window with more items is a batch of its own.
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
        cut = len(self._cut(0))
        # A little more than the first epoch needs, so that the others can be cut to as many.
        self.length = cut if items is None else min(cut + cut // 50 + 1, len(spans))

    def __len__(self) -> int:
        return self.length

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
        return iter(batches)

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
    def __init__(self, split: Split, max_length: int, at_most: int | None) -> None:
        self.split, self.max_length, self.at_most = split, max_length, at_most

    def __iter__(self) -> Iterator[HeldOut]:
        length, at_most = self.max_length, self.at_most
        return held_out(self.split, "valid", max_length=length, at_most=at_most)
