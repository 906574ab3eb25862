"""Training over a catalogue of a million items whose features lie on the disk.

    python benchmarks/large.py [--items 1000000] [--steps 1500] [--json]

The log has a pattern: items belong to clusters, an item's 512 features are those of its cluster
with noise, and a user stays in a cluster nine times of ten. The features are a memory-mapped file
(2 GB for a million items), the events are Parquet shards, and the model is a GRU over features
alone. The pool of a batch holds its targets and items drawn by popularity. The next event of some
held-back users is ranked among all items before and after training.

Peak memory is that of the process: all of it (VmHWM), and the part that is not pages of files,
which the system can drop (RssAnon, sampled).
"""

import argparse
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import torch
from common import PeakMemory, command_line, memory, print_json
from pyarrow.parquet import ParquetWriter

from mmrec.data import (
    Catalog,
    Histories,
    ShardLoader,
    Shards,
    ShardStream,
    Source,
    TableSource,
    write_shards,
)
from mmrec.encoders import FeatureEncoder
from mmrec.losses import softmax_loss
from mmrec.metrics import rank_of_target
from mmrec.models import SequentialModel, encode_catalog, gru4rec
from mmrec.models.catalog_scorer import evaluating
from mmrec.sampling import InBatchSampler, PopularitySampler, UnionSampler
from mmrec.training import build_optimizer

WIDTH, CLUSTER, STAY = 512, 1000, 0.9
"""Features of an item, items in a cluster, how often a user stays in one."""


def write_features(path: Path, items: int) -> np.ndarray:
    """Write the features of every index piece by piece, and return them read-only."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(-(-items // CLUSTER), WIDTH)).astype(np.float32)
    shape = (items + 1, WIDTH)
    table = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for start in range(0, items + 1, 20_000):
        index = np.arange(start, min(start + 20_000, items + 1))
        noise = rng.normal(scale=1.0, size=(len(index), WIDTH)).astype(np.float32)
        table[index[0] : index[-1] + 1] = centers[np.maximum(index - 1, 0) // CLUSTER] + noise
    table.flush()
    del table
    return np.load(path, mmap_mode="r")


def walk(rng: np.random.Generator, users: int, length: int, items: int) -> np.ndarray:
    """Return item indices ``(users, length)``: a user stays in a cluster or goes to another."""
    clusters = max(items // CLUSTER, 1)
    cluster = rng.integers(clusters, size=users)
    events = np.empty((users, length), dtype=np.int64)
    for step in range(length):
        moves = rng.random(users) > STAY
        cluster = np.where(moves, rng.integers(clusters, size=users), cluster)
        # Items of a cluster are not equally popular: of two draws the first one wins.
        place = np.minimum(*rng.integers(min(CLUSTER, items), size=(2, users)))
        events[:, step] = cluster * CLUSTER + place + 1
    return events


def write_log(path: Path, users: int, length: int, items: int) -> None:
    """Write a log that is sorted by user, some users at a time."""
    schema = pa.schema(
        [("user_id", pa.int64()), ("item_id", pa.int64()), ("timestamp", pa.float64())]
    )
    with ParquetWriter(path, schema) as writer:
        for start in range(0, users, 10_000):
            count = min(10_000, users - start)
            events = walk(np.random.default_rng([1, start]), count, length, items)
            columns = {
                "user_id": np.repeat(np.arange(start, start + count), length),
                "item_id": events.ravel() - 1,
                "timestamp": np.tile(np.arange(length) * 60.0, count),
            }
            writer.write_table(pa.table(columns, schema=schema))


def train(
    model: SequentialModel, loader: ShardLoader, steps: int, learning_rate: float = 2e-3
) -> dict[str, Any]:
    """Train for so many steps; return what they took."""
    optimizer = build_optimizer(model, learning_rate, 0.0, 0.01)
    model.train()
    losses, seconds, waits, events, pools = [], [], [], 0, []
    batches = iter(loader)
    for _ in range(steps):
        start = time.perf_counter()
        batch = next(batches, None)
        if batch is None:  # the next epoch
            batches = iter(loader)
            batch = next(batches)
        loaded = time.perf_counter()
        output = model(batch)
        pool = batch.pool
        loss = softmax_loss(output.logits, output.target, output.candidates, output.log_q)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds.append(time.perf_counter() - start)
        waits.append(loaded - start)
        losses.append(loss.item())
        events += len(output.target)
        pools.append(len(pool))
    tenth = max(steps // 10, 1)
    return {
        "loss_first": round(statistics.mean(losses[:tenth]), 4),
        "loss_last": round(statistics.mean(losses[-tenth:]), 4),
        "step_ms": round(1000 * statistics.median(seconds), 1),
        "load_ms": round(1000 * statistics.median(waits), 1),
        "events_per_second": round(events / sum(seconds)),
        "pool_slots": round(statistics.mean(pools)),
        "train_seconds": round(sum(seconds), 1),
    }


@torch.no_grad()
def recall(
    model: SequentialModel, sources: Mapping[str, Source], items: int, events: np.ndarray
) -> dict[str, float]:
    """Rank the last event of some users among all items; 16 users are scored at once."""
    vectors = encode_catalog(model.items, sources, items, batch_size=8192)
    ranks = []
    with evaluating(model):
        for rows in np.array_split(events, -(-len(events) // 16)):
            scores = model.scores(Histories.of_items(rows[:, :-1].tolist()), vectors)
            ranks.append(rank_of_target(scores, torch.from_numpy(rows[:, -1])))
    rank = torch.cat(ranks)
    return {f"recall@{k}": round(float((rank <= k).float().mean()), 4) for k in (10, 100, 1000)}


def prepare(folder: Path, arguments: argparse.Namespace) -> tuple[Shards, dict[str, Source]]:
    """Write features, log and shards."""
    items = arguments.items
    present = np.arange(items + 1) > 0
    table = write_features(folder / "features.npy", items)
    write_log(folder / "log.parquet", arguments.users, arguments.length, items)
    catalog = Catalog(pl.DataFrame({"item_id": np.arange(items)}))
    shards = write_shards(folder / "log.parquet", folder / "shards", catalog)
    return shards, {"feature": TableSource(table, present)}


def main() -> None:
    """Write, train, rank, print."""
    parser = command_line(__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--length", type=int, default=21, help="events of a user")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--negatives", type=int, default=1024)
    parser.add_argument("--held-back", type=int, default=400, help="users that are measured")
    parser.add_argument("--workers", type=int, default=0)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    items, began = arguments.items, time.perf_counter()
    with PeakMemory(every=0.05) as peak, TemporaryDirectory() as folder:
        shards, sources = prepare(Path(folder), arguments)
        size = sum(path.stat().st_size for path in shards.paths)
        written = time.perf_counter() - began
        prepared = {"rss": memory("VmHWM"), "anonymous": peak.peak}
        counts = shards.counts()
        positions = arguments.batch_size * (arguments.length - 1)
        pool = UnionSampler(
            [PopularitySampler(counts, arguments.negatives), InBatchSampler(counts, positions)]
        )
        stream = ShardStream(
            shards,
            sources,
            pool,
            batch_size=arguments.batch_size,
            max_length=arguments.length - 1,
            workers=arguments.workers,
        )
        model = gru4rec({"feature": FeatureEncoder(WIDTH)}, dim=128, dropout=0.1)
        held = walk(np.random.default_rng(2), arguments.held_back, arguments.length, items)
        before = recall(model, sources, items, held)
        trained = train(model, ShardLoader(stream), arguments.steps)
        started = time.perf_counter()
        after = recall(model, sources, items, held)
        ranked = time.perf_counter() - started
    gib = 2**30
    result = {
        "items": items,
        "events": shards.events,
        "feature_bytes": (items + 1) * WIDTH * 4,
        "shard_bytes": size,
        "prepare_seconds": round(written, 1),
        "prepare_peak_rss_gib": round(prepared["rss"] / gib, 2),
        "steps": arguments.steps,
        **trained,
        "rank_seconds": round(ranked, 1),
        "held_back": arguments.held_back,
        "untrained": before,
        "trained": after,
        "random": {f"recall@{k}": k / items for k in (10, 100, 1000)},
        "peak_rss_gib": round(memory("VmHWM") / gib, 2),
        "peak_anonymous_gib": round(peak.peak / gib, 2),
        "threads": torch.get_num_threads(),
    }
    for name, value in result.items():
        print(f"{name:22} {value}")
    print_json(arguments, result)


if __name__ == "__main__":
    main()
