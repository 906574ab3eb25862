"""RecBole's GRU4Rec or SASRec on a split file; runs in RecBole's own environment.

    python accuracy_recbole.py gru4rec SPLIT.npz --seed 0 --epochs 60 --patience 5

RecBole makes a sample of every prefix and trains in batches of its own size. The best epoch by
validation NDCG@10 is measured on the test part, once. All widths are ``--dim``, four times as much
inside SASRec's blocks. An epoch takes minutes: with ``--state FILE`` a training that was stopped
goes on after its last epoch.
"""

import argparse
import contextlib
import json
import random
import sys
import tempfile
import time
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.sequential_recommender import GRU4Rec, SASRec
from recbole.trainer import Trainer
from recbole.utils import init_seed
from split_file import SplitFile, measures

MODELS = {"gru4rec": GRU4Rec, "sasrec": SASRec}
DROPOUT = {"gru4rec": 0.3, "sasrec": 0.5}  # RecBole's own


def write_events(split: SplitFile, folder: Path) -> None:
    """The training events in RecBole's format; the place in the history is the time."""
    folder.mkdir()
    with (folder / "events.inter").open("w") as file:
        file.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for user, (start, end) in enumerate(pairwise(split.offsets)):
            for place in range(start, end):
                file.write(f"{user}\t{split.item[place]}\t{place - start}\n")


def configure(arguments: argparse.Namespace, folder: Path) -> Config:
    """RecBole's defaults, with the sizes asked for and every event for training."""
    if arguments.model == "gru4rec":
        sizes = {"embedding_size": arguments.dim, "dropout_prob": arguments.dropout}
    else:
        rates = ("hidden_dropout_prob", "attn_dropout_prob")
        sizes = {"inner_size": 4 * arguments.dim} | dict.fromkeys(rates, arguments.dropout)
    return Config(
        model=MODELS[arguments.model].__name__,
        dataset="events",
        config_dict={
            **sizes,
            "hidden_size": arguments.dim,
            "data_path": str(folder),
            "checkpoint_dir": str(folder / "saved"),
            "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
            "MAX_ITEM_LIST_LENGTH": arguments.max_length,
            "learning_rate": arguments.lr,
            "seed": arguments.seed,
            "loss_type": "CE",
            "train_neg_sample_args": None,
            "eval_args": {
                "split": {"RS": [1, 0, 0]},
                "order": "TO",
                "mode": "full",
                "group_by": "user",
            },
            "use_gpu": False,
            "show_progress": False,
            "state": "ERROR",
        },
    )


class Scorer:
    """A model's scores, from and to the split's item numbers.

    Args:
        model: of RecBole.
        tokens: the split's number of each of RecBole's items, the padding first.
        catalog_size: the split's.
    """

    def __init__(self, model: Any, tokens: np.ndarray, catalog_size: int) -> None:
        self.model = model
        self.ids = np.zeros(catalog_size + 1, dtype=np.int64)  # 0: RecBole doesn't know the item
        self.ids[tokens[1:].astype(np.int64)] = np.arange(1, len(tokens))

    def inputs(self, history: np.ndarray) -> dict[str, torch.Tensor]:
        """The last known items of each history, on the left as RecBole puts them."""
        length = self.model.max_seq_length
        x = np.zeros((len(history), length), dtype=np.int64)
        sizes = np.ones(len(history), dtype=np.int64)  # an empty history is one padding item
        for row, inner in enumerate(np.where(history > 0, self.ids[history], 0)):
            line = inner[inner > 0][-length:]
            x[row, : len(line)] = line
            sizes[row] = max(len(line), 1)
        tensors = torch.from_numpy(x), torch.from_numpy(sizes)
        return dict(zip((self.model.ITEM_SEQ, self.model.ITEM_SEQ_LEN), tensors, strict=True))

    @torch.no_grad()
    def __call__(self, history: np.ndarray, _: np.ndarray) -> np.ndarray:
        """Histories ``(B, T)``, padded on the right, to scores ``(B, V + 1)``."""
        self.model.eval()
        inside = self.model.full_sort_predict(self.inputs(history)).numpy()
        scores = np.full((len(history), len(self.ids)), -1e30, dtype=np.float32)
        known = self.ids > 0
        scores[:, known] = inside[:, self.ids[known]]
        return scores


def states(trainer: Trainer, batches: Any) -> dict[str, Any]:
    """Everything an epoch begins with."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 - what RecBole draws from
    return {
        "model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "order": batches.generator.get_state(),
        "torch": torch.get_rng_state(),
        "numpy": (name, torch.from_numpy(keys), *rest),
        "python": random.getstate(),
    }


def restore(state: dict[str, Any], trainer: Trainer, batches: Any) -> None:
    """Put back what `states` gave."""
    trainer.model.load_state_dict(state["model"])
    trainer.optimizer.load_state_dict(state["optimizer"])
    batches.generator.set_state(state["order"])
    torch.set_rng_state(state["torch"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy(), *rest))  # noqa: NPY002
    random.setstate(state["python"])


def train(arguments: argparse.Namespace, split: SplitFile, folder: Path) -> dict[str, Any]:
    """Train an epoch at a time, and measure the best."""
    write_events(split, folder / "events")
    config = configure(arguments, folder)
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    batches, _, _ = data_preparation(config, dataset)
    model = MODELS[arguments.model](config, batches.dataset)
    score = Scorer(model, dataset.field2id_token["item_id"], split.catalog_size)
    trainer = Trainer(config, model)
    curve: list[float] = []
    ranks, stopped_by, taken, spent = None, "epochs", 0.0, 0.0
    if arguments.state is not None and arguments.state.exists():
        kept = torch.load(arguments.state, weights_only=True)
        restore(kept, trainer, batches)
        curve, ranks, taken, spent = (kept[key] for key in ("curve", "ranks", "taken", "spent"))
        ranks = ranks.numpy()
    start, spent = time.perf_counter() - taken, spent - time.process_time()
    for epoch in range(len(curve), arguments.epochs):
        trainer.start_epoch, trainer.epochs = epoch, epoch + 1
        trainer.fit(batches, saved=False, verbose=False)
        value = float(measures(split.ranks("valid", score))["ndcg@10"])
        if not curve or value > max(curve):
            ranks = split.ranks("test", score)
        curve.append(value)
        if arguments.state is not None:
            state = states(trainer, batches) | {
                "curve": curve,
                "ranks": torch.from_numpy(ranks),
                "taken": time.perf_counter() - start,
                "spent": time.process_time() + spent,
            }
            part = arguments.state.with_suffix(".part")
            torch.save(state, part)
            part.replace(arguments.state)
        if epoch - int(np.argmax(curve)) >= arguments.patience:
            stopped_by = "patience"
            break
        late = time.process_time() + spent >= 60 * arguments.minutes > 0
        if late and epoch + 1 < arguments.epochs:
            stopped_by = "minutes"
            break
    return measures(ranks) | {
        "valid": max(curve),
        "best_epoch": int(np.argmax(curve)) + 1,
        "epochs": len(curve),
        "seconds": time.perf_counter() - start,
        "stopped_by": stopped_by,
    }


def main() -> None:
    """Train, select, print one JSON object."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=tuple(MODELS))
    parser.add_argument("split", type=Path)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--max-length", type=int, default=50)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, help="RecBole's own where it isn't given")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--patience", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=0.0, help="of processor time; 0: no limit")
    parser.add_argument("--state", type=Path, help="where to go on from, and to write to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.dropout is None:
        arguments.dropout = DROPOUT[arguments.model]
    del sys.argv[1:]  # RecBole would read options of the same names
    torch.set_num_threads(arguments.threads)
    split = SplitFile(arguments.split)
    if arguments.state is not None:
        arguments.state = arguments.state.resolve()
    # RecBole writes its logs where it runs.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        result = train(arguments, split, Path(folder))
    # "epochs" is what was trained, not the most that was allowed.
    print(json.dumps({key: str(value) for key, value in vars(arguments).items()} | result))


if __name__ == "__main__":
    main()
