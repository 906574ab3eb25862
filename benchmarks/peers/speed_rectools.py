"""RecTools' SASRec: seconds of an epoch, or of recommending and measuring; in its own environment.

    python speed_rectools.py train EVENTS.npz --dim 128 --max-length 50
    python speed_rectools.py evaluate EVENTS.npz --dim 128 --max-length 50

``evaluate`` takes each user's last event as the target and recommends from the events before it.
"""

import argparse
import json
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer
from rectools import Columns
from rectools.dataset import Dataset
from rectools.metrics import NDCG, HitRate, calc_metrics
from rectools.models import SASRecModel

SECONDS: list[float] = []  # not of the callback: RecTools copies its trainer


class Epochs(Callback):
    """Notes how long each epoch takes."""

    def on_train_epoch_start(self, *_: Any) -> None:
        """Start the clock."""
        self.start = time.perf_counter()

    def on_train_epoch_end(self, *_: Any) -> None:
        """Stop the clock."""
        SECONDS.append(time.perf_counter() - self.start)


def frame_of(item: np.ndarray, offsets: np.ndarray) -> pd.DataFrame:
    """The events as RecTools takes them."""
    lengths = np.diff(offsets)
    user = np.repeat(np.arange(len(lengths)), lengths)
    step = np.arange(len(item)) - np.repeat(offsets[:-1], lengths)
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(step, unit="s")
    return pd.DataFrame(
        {Columns.User: user, Columns.Item: item, Columns.Weight: 1.0, Columns.Datetime: when}
    )


def main() -> None:
    """Time and print one JSON object."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("train", "evaluate"))
    parser.add_argument("events", type=Path)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--max-length", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    held = np.load(arguments.events)
    frame = frame_of(held["item"], held["offsets"])
    training = arguments.what == "train"

    def trainer() -> Trainer:
        return Trainer(
            max_epochs=arguments.epochs if training else 1,
            limit_train_batches=1.0 if training else 1,
            accelerator="cpu",
            callbacks=[Epochs()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    model = SASRecModel(
        n_factors=arguments.dim,
        n_blocks=2,
        n_heads=2,
        session_max_len=arguments.max_length,
        batch_size=arguments.batch_size,
        lr=1e-3,
        get_trainer_func=trainer,
    )
    if training:
        model.fit(Dataset.construct(frame))
        result = {"epoch": statistics.median(SECONDS), "epochs": len(SECONDS)}
    else:
        last = ~frame.duplicated(Columns.User, keep="last")
        known, target = frame[~last], frame[last]
        dataset = Dataset.construct(frame[~last])
        model.fit(dataset)
        users = np.unique(known[Columns.User])
        seconds = []
        for _ in range(arguments.repeats):
            start = time.perf_counter()
            lists = model.recommend(users=users, dataset=dataset, k=10, filter_viewed=True)
            middle = time.perf_counter()
            calc_metrics({"ndcg": NDCG(10), "hr": HitRate(10)}, lists, target)
            seconds.append((time.perf_counter() - start, middle - start))
        total, recommending = (statistics.median(part) for part in zip(*seconds, strict=True))
        result = {"seconds": total, "recommend": recommending, "items": dataset.item_id_map.size}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
