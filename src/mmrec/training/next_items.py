"""The LightningDataModule of a generative model: each training event with its history."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mmrec.data import Histories, Sequences, Split
from mmrec.data.device import OnDevice
from mmrec.data.splits import target_users
from mmrec.training.data import HeldOutEvents, WindowBatches


@dataclass(frozen=True)
class NextItems(OnDevice):
    """Histories and the item that follows each.

    Attributes:
        histories: the last events before the target, ``(B, T)``.
        target: catalogue index, ``(B,)``.
    """

    histories: Histories
    target: Int[Tensor, " B"]

    def __len__(self) -> int:
        return len(self.target)


class NextItemDataModule(LightningDataModule):
    """Feeds :class:`GenerativeRecommender` with a split.

    Each training event that is a target is predicted once in an epoch, a user's first one from an
    empty history. Weights of events are not used. Several processes share the batches.

    Args:
        split: labelled events.
        batch_size: targets in a batch.
        max_length: events of a history.
        max_valid: maximal number of validation events, a fixed draw; None for all.
        seed: seed of shuffling.
    """

    def __init__(
        self,
        split: Split,
        *,
        batch_size: int = 256,
        max_length: int = 20,
        max_valid: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.split, self.batch_size, self.max_length = split, batch_size, max_length
        self.max_valid, self.seed = max_valid, seed

    def train_dataloader(self) -> DataLoader[Any]:
        """Return batches of targets with histories of similar lengths, shuffled in each epoch.

        Raises:
            ValueError: the training part has no target.
        """
        stops = self.split.targets("train")
        if not len(stops):
            raise ValueError("training needs a target in the training part; it has none")
        events = self.split.sequences
        firsts = events.offsets[target_users(self.split, stops)]
        spans = np.stack([np.maximum(firsts, stops - self.max_length), stops], axis=1)
        rank, world = self._share()
        sampler = WindowBatches(spans, self.batch_size, seed=self.seed, rank=rank, world=world)
        # Not a `batch_sampler`: Lightning calls only the `set_epoch` of a `sampler`.
        return DataLoader(_Targets(events, spans), sampler=sampler, batch_size=None)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the events of the validation part with their histories."""
        held = HeldOutEvents(self.split, self.max_length, self.max_valid, *self._share())
        return DataLoader(held, batch_size=None)

    def transfer_batch_to_device(
        self, batch: OnDevice, device: torch.device, dataloader_idx: int
    ) -> OnDevice:
        """Move a batch."""
        return batch.to(device, non_blocking=True)

    def _share(self) -> tuple[int, int]:
        """Return the number of this process, and how many there are."""
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size


class _Targets(Dataset[NextItems]):
    """Maps the rows of a batch to the batch."""

    def __init__(self, events: Sequences, spans: Int[np.ndarray, "W 2"]) -> None:
        self.events, self.spans = events, spans

    def __len__(self) -> int:
        return len(self.spans)

    def __getitem__(self, rows: list[int]) -> NextItems:
        starts, stops = self.spans[rows].T
        target = torch.from_numpy(self.events.item[stops])
        return NextItems(Histories.of_events(self.events, starts, stops), target)
