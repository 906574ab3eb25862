"""Lightning wiring: the modules, the data modules, the optimizer and the callbacks."""

from mmrec.training.averaging import MovingAverage
from mmrec.training.callbacks import Watch, average_and_stop, callbacks
from mmrec.training.click_data import ImpressionDataModule
from mmrec.training.clicks import ClickRecommender
from mmrec.training.data import SequenceDataModule, WindowBatches
from mmrec.training.finite import FiniteLoss, NotFiniteError
from mmrec.training.module import SequentialRecommender
from mmrec.training.optimizers import build_optimizer, warmup_cosine
from mmrec.training.private import train_privately
from mmrec.training.private_batches import UserBatches
from mmrec.training.resume import MONITOR, AtomicCheckpointIO, Checkpoints, checkpoint_files
from mmrec.training.shards import ShardDataModule

__all__ = [
    "MONITOR",
    "AtomicCheckpointIO",
    "Checkpoints",
    "ClickRecommender",
    "FiniteLoss",
    "ImpressionDataModule",
    "MovingAverage",
    "NotFiniteError",
    "SequenceDataModule",
    "SequentialRecommender",
    "ShardDataModule",
    "UserBatches",
    "Watch",
    "WindowBatches",
    "average_and_stop",
    "build_optimizer",
    "callbacks",
    "checkpoint_files",
    "train_privately",
    "warmup_cosine",
]
