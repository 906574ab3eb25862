"""Write the split file that every peer reads; runs in mmrec's environment.

    python benchmarks/peers/export_split.py DATA SPLIT.npz [--split leave-one-out] [--min-count 5]

It also puts a Markov chain of mmrec through the ranks of `split_file.py`, and ends with an error if
that says anything else than mmrec's own evaluation: so peers and mmrec are measured alike.
"""

import argparse
from pathlib import Path

import numpy as np
from split_file import SplitFile, measures

from mmrec.baselines import Markov
from mmrec.data import (
    Histories,
    Split,
    drop_consecutive_duplicates,
    leave_one_out,
    read_folder,
    split_by_time,
)
from mmrec.evaluation import evaluate, held_out

HISTORY = 200


def part_of(split: Split, part: str) -> dict[str, np.ndarray]:
    """The targets of a part, with the events before each and the items seen before."""
    histories, targets, seen, rows = [], [], [], 0
    for batch in held_out(split, part, max_length=HISTORY):
        items = batch.histories.items.numpy()
        histories.append(np.pad(items, ((0, 0), (0, HISTORY - items.shape[1]))).astype(np.int32))
        targets.append(batch.target.numpy())
        seen.append(batch.seen.numpy() + np.array([[rows], [0]]))
        rows += len(items)
    return {
        f"{part}_history": np.concatenate(histories),
        f"{part}_target": np.concatenate(targets),
        f"{part}_seen": np.concatenate(seen, axis=1),
    }


def main() -> None:
    """Export, and check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--split", choices=("leave-one-out", "time"), default="leave-one-out")
    parser.add_argument("--min-count", type=int, default=5)
    arguments = parser.parse_args()
    data = read_folder(arguments.data)
    log = drop_consecutive_duplicates(data.interactions)
    cut = leave_one_out if arguments.split == "leave-one-out" else split_by_time
    split = cut(log, data.catalog, min_count=arguments.min_count)
    np.savez_compressed(
        arguments.out,
        item=split.train.item,
        offsets=split.train.offsets,
        catalog_size=split.catalog_size,
        candidates=split.candidates,
        fingerprint=split.fingerprint,
        **part_of(split, "valid"),
        **part_of(split, "test"),
    )
    chain = Markov().fit(split.until("valid"), split.catalog_size)

    def score(history: np.ndarray) -> np.ndarray:
        return chain.scores(Histories.of_items([row[row > 0] for row in history])).numpy()

    theirs = measures(SplitFile(arguments.out).ranks("test", score))
    ours = evaluate(chain, split, max_length=HISTORY)
    print(f"split {split.fingerprint}: Markov chain {theirs}")
    for name, value in theirs.items():
        if abs(value - ours[name]) > 1e-6:
            raise SystemExit(f"{name} is {value} by the split file and {ours[name]} by mmrec")


if __name__ == "__main__":
    main()
