"""Seconds of an epoch of RecBole's GRU4Rec; runs in RecBole's own environment.

    python speed_recbole.py EVENTS.npz FOLDER --dim 128 --max-length 50 --batch-size 512

RecBole makes a sample of every prefix. ``--batches`` of them are timed after a few to warm up, and
scaled to the number of batches of the epoch, which is printed beside it.
"""

import argparse
import json
import statistics
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch


def main() -> None:
    """Build, warm up, time, print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("events", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--max-length", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--batches", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    held = np.load(arguments.events)
    item, offsets = held["item"], held["offsets"]
    folder = arguments.folder / "events"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.inter").open("w") as file:
        file.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for user, (start, end) in enumerate(pairwise(offsets)):
            for place in range(start, end):
                file.write(f"{user}\t{item[place]}\t{place - start}\n")

    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.model.sequential_recommender import GRU4Rec

    config = Config(
        model="GRU4Rec",
        dataset="events",
        config_dict={
            "data_path": str(arguments.folder),
            "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
            "embedding_size": arguments.dim,
            "hidden_size": arguments.dim,
            "num_layers": 1,
            "MAX_ITEM_LIST_LENGTH": arguments.max_length,
            "train_batch_size": arguments.batch_size,
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
    dataset = create_dataset(config)
    train, _, _ = data_preparation(config, dataset)
    model = GRU4Rec(config, train.dataset)
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    seconds, warm = [], 2
    stamp = time.perf_counter()
    for number, batch in enumerate(train):
        optimizer.zero_grad()
        model.calculate_loss(batch).backward()
        optimizer.step()
        now = time.perf_counter()
        if number >= warm:
            seconds.append(now - stamp)
        stamp = now
        if len(seconds) == arguments.batches:
            break
    print(
        json.dumps(
            {
                "epoch": statistics.median(seconds) * len(train),
                "batch": statistics.median(seconds),
                "batches": len(train),
                "timed": len(seconds),
                "samples": len(train.dataset),
            }
        )
    )


if __name__ == "__main__":
    main()
