"""Write the split file that every peer reads; runs in mmrec's environment.

    python benchmarks/peers/export_split.py DATA SPLIT.npz [--split leave-one-out] [--min-count 5]

With `--cache DIR` it also holds what mmrec's fusion reads of each item's text and image: vectors of
the frozen encoders of `mmrec fit`, standardized on the trained items.

It also puts a Markov chain of mmrec through the ranks of `split_file.py`, and ends with an error if
that says anything else than mmrec's own evaluation: so peers and mmrec are measured alike.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from split_file import SplitFile, measures

from mmrec.baselines import Markov
from mmrec.data import (
    Catalog,
    Histories,
    Split,
    drop_consecutive_duplicates,
    leave_one_out,
    read_folder,
    split_by_time,
)
from mmrec.evaluation import evaluate, held_out
from mmrec.recommender.content import Context, modalities_of, read_content
from mmrec.recommender.options import Options

HISTORY = 200


def part_of(split: Split, part: str) -> dict[str, np.ndarray]:
    """The targets of a part, with the events before each and the items seen before."""
    histories, times, targets, seen, rows = [], [], [], [], 0
    steps = np.arange(HISTORY + 1)
    for batch in held_out(split, part, max_length=HISTORY):
        items = batch.histories.items.numpy()
        histories.append(np.pad(items, ((0, 0), (0, HISTORY - items.shape[1]))).astype(np.int32))
        lengths = (items > 0).sum(1, keepdims=True)
        at = batch.position[:, None] - lengths + np.minimum(steps, lengths)
        times.append(np.where(steps <= lengths, split.sequences.time[at], 0))
        targets.append(batch.target.numpy())
        seen.append(batch.seen.numpy() + np.array([[rows], [0]]))
        rows += len(items)
    return {
        f"{part}_history": np.concatenate(histories),
        f"{part}_time": np.concatenate(times).astype(np.int64),
        f"{part}_target": np.concatenate(targets),
        f"{part}_seen": np.concatenate(seen, axis=1),
    }


@torch.no_grad()
def content_of(catalog: Catalog, split: Split, cache: Path) -> np.ndarray:
    """The vectors of text and image side by side, zeros where an item has none, ``(V + 1, D)``."""
    options = Options(modalities=("text", "image"))
    context = Context(options.dim, np.flatnonzero(split.train_counts), cache)
    content = read_content(modalities_of(options), catalog, context)
    vectors = []
    for name, source in content.sources.items():
        table = np.zeros((split.catalog_size + 1, content.encoders[name].dim), dtype=np.float32)
        present = np.flatnonzero(source.present)
        table[present] = content.encoders[name](source.load(present)).numpy()
        vectors.append(table)
    return np.concatenate(vectors, axis=1)


def main() -> None:
    """Export, and check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--split", choices=("leave-one-out", "time"), default="leave-one-out")
    parser.add_argument("--min-count", type=int, default=5)
    parser.add_argument("--cache", type=Path, help="features are kept here; none: no content")
    arguments = parser.parse_args()
    data = read_folder(arguments.data)
    log = drop_consecutive_duplicates(data.interactions)
    cut = leave_one_out if arguments.split == "leave-one-out" else split_by_time
    split = cut(log, data.catalog, min_count=arguments.min_count)
    content = {}
    if arguments.cache is not None:
        content["content"] = content_of(data.catalog, split, arguments.cache)
    np.savez_compressed(
        arguments.out,
        item=split.train.item,
        offsets=split.train.offsets,
        time=split.train.time.astype(np.int64),
        catalog_size=split.catalog_size,
        candidates=split.candidates,
        fingerprint=split.fingerprint,
        **part_of(split, "valid"),
        **part_of(split, "test"),
        **content,
    )
    chain = Markov().fit(split.until("valid"), split.catalog_size)

    def score(history: np.ndarray, _: np.ndarray) -> np.ndarray:
        return chain.scores(Histories.of_items([row[row > 0] for row in history])).numpy()

    theirs = measures(SplitFile(arguments.out).ranks("test", score))
    ours = evaluate(chain, split, max_length=HISTORY)
    print(f"split {split.fingerprint}: Markov chain {theirs}")
    for name, value in theirs.items():
        if abs(value - ours[name]) > 1e-6:
            raise SystemExit(f"{name} is {value} by the split file and {ours[name]} by mmrec")


if __name__ == "__main__":
    main()
