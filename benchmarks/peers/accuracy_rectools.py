"""RecTools' SASRec or BERT4Rec on a split file; runs in RecTools' own environment.

    python accuracy_rectools.py sasrec SPLIT.npz --seed 0 --epochs 60 --patience 8

The best epoch by validation NDCG@10 is measured on the test part, once.
"""

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import BERT4RecModel, SASRecModel
from split_file import SplitFile, measures

CURVE: list[float] = []  # not of the callback: RecTools copies its trainer
BEST: dict[str, Any] = {}


class Select(Callback):
    """Keeps the test ranks of the best epoch by validation, and stops."""

    def __init__(self, split: SplitFile, arguments: argparse.Namespace) -> None:
        self.split, self.length = split, arguments.max_length
        self.patience, self.minutes = arguments.patience, arguments.minutes
        self.until = arguments.until
        self.masked = arguments.model == "bert4rec"

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Look up the items' inner numbers, known once RecTools has prepared its data."""
        # RecTools reads the last events of each user; items that occur before only are unknown.
        self.ids = np.zeros(self.split.catalog_size + 1, dtype=np.int64)
        inner = pl_module.data_preparator.item_id_map.to_internal
        known = [isinstance(item, int | np.integer) for item in inner.index]
        self.ids[inner.index[known].astype(int)] = inner.to_numpy()[known]

    @torch.no_grad()
    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Measure an epoch."""
        model = pl_module.torch_model
        model.eval()
        vectors = model.item_model.get_all_embeddings()
        mask = pl_module.data_preparator.extra_token_ids["MASK"] if self.masked else None

        def score(history: np.ndarray) -> np.ndarray:
            inner = np.where(history > 0, self.ids[history], 0)
            x = np.zeros((len(inner), self.length), dtype=np.int64)
            for row, (items, known) in enumerate(zip(inner, history > 0, strict=True)):
                line = [item for item in items[known] if item > 0]
                line = ([*line, mask] if mask is not None else line)[-self.length :]
                if line:
                    x[row, -len(line) :] = line
            states = model.encode_sessions({"x": torch.from_numpy(x)}, vectors)[:, -1]
            inside = (states @ vectors.T).numpy()
            scores = np.full((len(x), len(self.ids)), -1e30, dtype=np.float32)
            known = self.ids > 0
            scores[:, known] = inside[:, self.ids[known]]
            return scores

        value = measures(self.split.ranks("valid", score))["ndcg@10"]
        if not CURVE or value > max(CURVE):
            BEST["ranks"] = self.split.ranks("test", score)
        CURVE.append(value)
        model.train()
        late = time.process_time() >= 60 * self.minutes > 0
        if len(CURVE) - 1 - int(np.argmax(CURVE)) >= self.patience:
            BEST["stopped_by"] = "patience"
        elif value >= self.until:
            BEST["stopped_by"] = "until"
        elif late and len(CURVE) < trainer.max_epochs:
            BEST["stopped_by"] = "minutes"
        trainer.should_stop = "stopped_by" in BEST


def main() -> None:
    """Train, select, print one JSON object."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=("sasrec", "bert4rec"))
    parser.add_argument("split", type=Path)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--max-length", type=int, default=100)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--patience", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=0.0, help="of processor time; 0: no limit")
    parser.add_argument("--until", type=float, default=1.0, help="NDCG@10 on validation, to stop")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    seed_everything(arguments.seed)
    split = SplitFile(arguments.split)
    lengths = np.diff(split.offsets)
    step = np.arange(len(split.item)) - np.repeat(split.offsets[:-1], lengths)
    dataset = Dataset.construct(
        pd.DataFrame(
            {
                Columns.User: np.repeat(np.arange(len(lengths)), lengths),
                Columns.Item: split.item,
                Columns.Weight: 1.0,
                Columns.Datetime: pd.Timestamp("2024-01-01") + pd.to_timedelta(step, unit="s"),
            }
        )
    )

    def trainer() -> Trainer:
        return Trainer(
            max_epochs=arguments.epochs,
            accelerator="cpu",
            callbacks=[Select(split, arguments)],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    kind = SASRecModel if arguments.model == "sasrec" else BERT4RecModel
    model = kind(
        n_factors=arguments.dim,
        n_blocks=2,
        n_heads=2,
        session_max_len=arguments.max_length,
        lr=arguments.lr,
        dropout_rate=arguments.dropout,
        get_trainer_func=trainer,
    )
    start = time.perf_counter()
    model.fit(dataset)
    result = measures(BEST["ranks"]) | {
        "valid": max(CURVE),
        "best_epoch": int(np.argmax(CURVE)) + 1,
        "epochs": len(CURVE),
        "seconds": time.perf_counter() - start,
        "stopped_by": BEST.get("stopped_by", "epochs"),
    }
    # "epochs" is what was trained, not the most that was allowed.
    print(json.dumps({key: str(value) for key, value in vars(arguments).items()} | result))


if __name__ == "__main__":
    main()
