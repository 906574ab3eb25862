"""Lightning wiring: the module, the data module, the optimiser, the callbacks."""

from mmrec.training.averaging import MovingAverage
from mmrec.training.callbacks import MONITOR, callbacks
from mmrec.training.data import SequenceDataModule, WindowBatches
from mmrec.training.module import Loss, SequentialRecommender
from mmrec.training.optimizers import build_optimizer, warmup_cosine

__all__ = [
    "MONITOR",
    "Loss",
    "MovingAverage",
    "SequenceDataModule",
    "SequentialRecommender",
    "WindowBatches",
    "build_optimizer",
    "callbacks",
    "warmup_cosine",
]
