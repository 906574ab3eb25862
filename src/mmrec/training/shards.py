"""The LightningDataModule of a log that does not fit in memory."""

from collections.abc import Mapping
from typing import Any

from lightning import LightningDataModule
from torch.utils.data import DataLoader

from mmrec.data import ShardLoader, Shards, ShardStream, Source, Split
from mmrec.sampling import Sampler
from mmrec.training.data import SequenceDataModule


class ShardDataModule(LightningDataModule):
    """Feeds :class:`SequentialRecommender` with shards, each process with its own batches.

    A checkpoint stores the position in the epoch: ``trainer.fit(..., ckpt_path=...)`` continues
    with the remaining batches.

    Args:
        shards: the training events.
        sources: the content of the catalogue, by modality.
        negatives: draws the negatives of a batch, see :mod:`mmrec.sampling`. If it draws a fixed
            number of items, the cost of a step does not grow with the catalogue.
        split: validation events, which fit in memory, over the same catalogue (for example of
            held-out users); None for no validation, with ``Trainer(limit_val_batches=0)``.
        batch_size: number of windows in a batch of one process.
        max_length: number of events in a window's history.
        max_valid: maximal number of validation events, a fixed draw; None for all.
        buffer: number of windows that are shuffled together.
        workers: number of processes that load batches; 0 loads in the main process.
        seed: seed of shuffling and drawing.
    """

    def __init__(
        self,
        shards: Shards,
        sources: Mapping[str, Source],
        negatives: Sampler,
        *,
        split: Split | None = None,
        batch_size: int = 64,
        max_length: int = 200,
        max_valid: int | None = None,
        buffer: int = 8192,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.shards, self.sources, self.negatives = shards, sources, negatives
        self.split, self.max_length, self.max_valid = split, max_length, max_valid
        self.batch_size, self.buffer, self.workers, self.seed = batch_size, buffer, workers, seed
        self._loader: ShardLoader | None = None
        self._state: Mapping[str, Any] | None = None

    def train_dataloader(self) -> ShardLoader:
        """Return this process's batches."""
        stream = ShardStream(
            self.shards,
            self.sources,
            self.negatives,
            batch_size=self.batch_size,
            max_length=self.max_length,
            buffer=self.buffer,
            seed=self.seed,
            rank=0 if self.trainer is None else self.trainer.global_rank,
            world=1 if self.trainer is None else self.trainer.world_size,
            workers=self.workers,
        )
        self._loader = ShardLoader(stream)
        if self._state is not None:
            self._loader.load_state_dict(self._state)
            self._state = None
        return self._loader

    def val_dataloader(self) -> DataLoader[Any] | list[Any]:
        """Return the events of the validation part with their histories, if there is one."""
        if self.split is None:
            return []
        held = SequenceDataModule(
            self.split,
            self.sources,
            self.negatives,
            max_length=self.max_length,
            max_valid=self.max_valid,
        )
        held.trainer = self.trainer
        return held.val_dataloader()

    # Lightning also saves a loader's state, but does not load it if the number of steps was
    # computed before.

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the epoch, for a checkpoint."""
        return {} if self._loader is None else {"stream": self._loader.state_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Make the next ``train_dataloader`` continue from a position.

        Raises:
            ValueError: by ``train_dataloader``, if the batches have changed.
        """
        self._state = state_dict.get("stream")
