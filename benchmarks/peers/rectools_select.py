"""What RecTools' models share: the best epoch by validation, when to stop, and their inputs."""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, Trainer
from split_file import SplitFile, measures

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""See `SplitFile.ranks`."""

CURVE: list[float] = []  # not of the callback: RecTools copies its trainer
BEST: dict[str, Any] = {}


class Select(Callback):
    """Keeps the test ranks of the best epoch by validation, and stops.

    Args:
        split: of which both parts are measured.
        arguments: patience, minutes and until.
        scorer: gives the scores of a module as it is now.
    """

    def __init__(
        self, split: SplitFile, arguments: argparse.Namespace, scorer: Callable[[Any], Score]
    ) -> None:
        self.split, self.scorer = split, scorer
        self.patience, self.minutes = arguments.patience, arguments.minutes
        self.until = arguments.until

    @torch.no_grad()
    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Measure an epoch."""
        pl_module.eval()
        score = self.scorer(pl_module)
        value = measures(self.split.ranks("valid", score))["ndcg@10"]
        if not CURVE or value > max(CURVE):
            BEST["ranks"] = self.split.ranks("test", score)
        CURVE.append(value)
        pl_module.train()
        late = time.process_time() >= 60 * self.minutes > 0
        if len(CURVE) - 1 - int(np.argmax(CURVE)) >= self.patience:
            BEST["stopped_by"] = "patience"
        elif value >= self.until:
            BEST["stopped_by"] = "until"
        elif late and len(CURVE) < trainer.max_epochs:
            BEST["stopped_by"] = "minutes"
        trainer.should_stop = "stopped_by" in BEST


def found() -> dict[str, Any]:
    """What a training gave."""
    return measures(BEST["ranks"]) | {
        "valid": max(CURVE),
        "best_epoch": int(np.argmax(CURVE)) + 1,
        "epochs": len(CURVE),
        "curve": CURVE,
        "stopped_by": BEST.get("stopped_by", "epochs"),
    }


def trainer_of(arguments: argparse.Namespace, select: Select, **more: Any) -> Trainer:
    """A trainer of the CPU that writes nothing."""
    return Trainer(
        max_epochs=arguments.epochs,
        accelerator="cpu",
        callbacks=[select],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **more,
    )


def left_padded(
    inner: np.ndarray, times: np.ndarray, length: int, end: int | None = None
) -> dict[str, torch.Tensor]:
    """The inputs of a model: the last known items, on the right.

    Args:
        inner: the model's number of each item of the histories, 0 = unknown or padding, ``(B, T)``.
        times: of the events and, after the last, of the request, ``(B, T + 1)``.
        length: of the inputs.
        end: what stands after the last item; None for nothing.
    """
    x = np.zeros((len(inner), length), dtype=np.int64)
    when = np.zeros((len(inner), length + 1), dtype=np.int64)
    for row, (items, at) in enumerate(zip(inner, times, strict=True)):
        line = [*items[items > 0], *([] if end is None else [end])][-length:]
        if line:
            x[row, -len(line) :] = line
        # Times only grow, so that of the request is the largest.
        stamps = [*at[:-1][items > 0], at.max()][-length - 1 :]
        when[row] = stamps[0]
        when[row, -len(stamps) :] = stamps
    return {"x": torch.from_numpy(x), "unix_ts": torch.from_numpy(when)}


def outside(inside: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Scores by the split's numbers, of scores by the model's; unknown items come last."""
    scores = np.full((len(inside), len(ids)), -1e30, dtype=np.float32)
    scores[:, ids > 0] = inside[:, ids[ids > 0]]
    return scores
