"""Lightning wiring: the modules, the data modules, the optimizer and the callbacks."""

from mmrec.models.finite import NotFiniteError
from mmrec.training.averaging import MovingAverage
from mmrec.training.callbacks import Watch, average_and_stop, callbacks
from mmrec.training.click_data import ImpressionDataModule
from mmrec.training.clicks import ClickRecommender
from mmrec.training.data import SequenceDataModule, WindowBatches
from mmrec.training.finite import FiniteLoss
from mmrec.training.generative import GenerativeRecommender, fit_generative
from mmrec.training.module import SequentialRecommender
from mmrec.training.next_items import NextItemDataModule, NextItems
from mmrec.training.optimizers import build_optimizer, warmup_cosine
from mmrec.training.private import train_privately
from mmrec.training.private_batches import UserBatches
from mmrec.training.projector import ItemProjector
from mmrec.training.resume import MONITOR, AtomicCheckpointIO, Checkpoints, checkpoint_files
from mmrec.training.samples import SampleLists
from mmrec.training.shards import ShardDataModule
from mmrec.training.tracking import LogEpochs

__all__ = [
    "MONITOR",
    "AtomicCheckpointIO",
    "Checkpoints",
    "ClickRecommender",
    "FiniteLoss",
    "GenerativeRecommender",
    "ImpressionDataModule",
    "ItemProjector",
    "LogEpochs",
    "MovingAverage",
    "NextItemDataModule",
    "NextItems",
    "NotFiniteError",
    "SampleLists",
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
    "fit_generative",
    "train_privately",
    "warmup_cosine",
]
