"""An epoch of the default recipe: a million events, 3,500 items, ids with frozen texts and images.

    python benchmarks/epoch.py [--case LABEL,NAME=VALUE,… …] [--steps 60] [--epochs 0] [--json]

The log has what models learn from: items lie in clusters and follow one another, users have tastes,
and no user has an item twice. Text (384) and image (1,280) vectors are those of the cluster with
noise, so no encoder runs.

Each case is a process. It has settings of `mmrec.Options` or a part (`negatives=uniform`), and
`tree=FOLDER` for the source of another version. The cases take turns, step by step, with the same
windows. A time is processor time of one thread; a ratio is the median over steps of the time of
the first case over that of this one. With `--epochs N` each case is then trained for N epochs, and
NDCG@10 on validation is printed.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from common import command_line, print_json
from lightning import Callback, Trainer

from mmrec.cpu import keep_freed_memory
from mmrec.data import Catalog, Interactions, Split, TableSource, id_source, leave_one_out
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.recommender import Options
from mmrec.recommender.parts import SLOTS
from mmrec.recommender.pipeline.assemble import Recipe, build_model
from mmrec.recommender.pipeline.learning_rate import learning_rate
from mmrec.recommender.pipeline.negatives import make_loss, make_sampler
from mmrec.recommender.pipeline.train import quiet
from mmrec.training import FiniteLoss, SequenceDataModule, SequentialRecommender
from mmrec.training.callbacks import average_and_stop

ITEMS, CLUSTERS, USERS, EVENTS = 3_500, 70, 6_000, 1_000_000
FOLLOWERS, FOLLOWS, TASTE = 6, 0.3, 0.5
"""Items that often come after an item, how often one does, how often taste decides."""
WIDTHS = {"text": 384, "image": 1280}
SKIPPED = 5
"""First steps, which are not counted."""


def write_log(path: Path) -> None:
    """Write items and users of all events, in order."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(4.6, 0.95, USERS), 20, 1500)
    lengths = np.maximum(lengths * EVENTS / lengths.sum(), 5).astype(int)
    lengths[: EVENTS - lengths.sum()] += 1
    popularity = 1 / np.arange(8, ITEMS + 8) ** 0.8
    popularity /= popularity.sum()
    cluster = rng.permutation(ITEMS) % CLUSTERS
    follower = np.stack(
        [rng.permutation(np.flatnonzero(cluster == cluster[i]))[:FOLLOWERS] for i in range(ITEMS)]
    )
    tastes = rng.integers(CLUSTERS, size=(USERS, 3))
    members = [np.flatnonzero(cluster == c) for c in range(CLUSTERS)]
    seen = np.zeros((USERS, ITEMS), dtype=bool)
    last = rng.choice(ITEMS, USERS, p=popularity)
    events: list[tuple[np.ndarray, np.ndarray]] = []
    for step in range(lengths.max()):
        user = np.flatnonzero(lengths > step)
        item = np.full(len(user), -1)
        for _ in range(12):  # an item that the user has not seen
            open_ = np.flatnonzero(item < 0)
            coin = rng.random(len(open_))
            drawn = rng.choice(ITEMS, len(open_), p=popularity)
            follows, taste = coin < FOLLOWS, (coin >= FOLLOWS) & (coin < FOLLOWS + TASTE)
            place = rng.integers(FOLLOWERS, size=len(open_))
            drawn[follows] = follower[last[user[open_]], place][follows]
            for at in np.flatnonzero(taste):
                some = members[tastes[user[open_[at]], place[at] % 3]]
                drawn[at] = some[int(len(some) * rng.random() ** 2)]
            fresh = ~seen[user[open_], drawn]
            item[open_[fresh]] = drawn[fresh]
        for at in np.flatnonzero(item < 0):
            item[at] = rng.choice(np.flatnonzero(~seen[user[at]]))
        seen[user, item] = True
        last[user] = item
        events.append((user, item))
    user, item = (np.concatenate(part) for part in zip(*events, strict=True))
    centers = {name: rng.normal(size=(CLUSTERS, width)) for name, width in WIDTHS.items()}
    features = {
        name: (center[cluster] + 2 * rng.normal(size=(ITEMS, WIDTHS[name]))).astype(np.float32)
        for name, center in centers.items()
    }
    np.savez(path, user=user, item=item, **features)


def read_log(path: Path) -> tuple[Split, dict[str, np.ndarray]]:
    """Return the split, and the features of every catalogue index."""
    log = np.load(path)
    order = np.argsort(log["user"], kind="stable")
    user, item = log["user"][order], log["item"][order]
    gaps = np.random.default_rng(1).exponential(600, len(user))
    frame = {"user_id": user, "item_id": item, "timestamp": np.cumsum(gaps).astype(np.int64)}
    split = leave_one_out(Interactions(frame), Catalog({"item_id": np.arange(ITEMS)}))
    return split, {name: np.pad(log[name], ((1, 0), (0, 0))) for name in WIDTHS}


class Turns(Callback):
    """Waits for a line before each step; prints its processor seconds and sizes after it."""

    def __init__(self) -> None:
        self.start = 0.0

    def on_train_start(self, trainer: Trainer, module: Any) -> None:
        """Wait for the first turn."""
        self.wait()

    def on_train_batch_end(
        self, trainer: Trainer, module: Any, outputs: Any, batch: Any, index: int
    ) -> None:
        """Print what the step took, and wait; loading the next batch belongs to the next step."""
        seconds = time.process_time() - self.start
        targets = int((batch.target > 0).sum())
        sizes = (targets, len(batch.pool), int(batch.pool.candidates.sum()))
        print(json.dumps([seconds, *sizes]), flush=True)
        self.wait()

    def wait(self) -> None:
        """Wait, and start the clock."""
        sys.stdin.readline()
        self.start = time.process_time()


class Curve(Callback):
    """Prints NDCG@10 of each epoch."""

    def on_validation_end(self, trainer: Trainer, module: Any) -> None:
        """Print it."""
        print(json.dumps(float(trainer.callback_metrics["valid_ndcg@10"])), flush=True)


def work(path: Path, settings: dict[str, Any], steps: int, epochs: int) -> None:
    """Train one case for some steps, or for some epochs."""
    keep_freed_memory()
    torch.set_num_threads(1)
    given = {name: settings.pop(name) for name in SLOTS if name in settings}
    options, recipe = Options(**({"epochs": max(epochs, 1)} | settings)), Recipe(given)
    torch.manual_seed(options.seed)
    split, features = read_log(path)
    trained = np.flatnonzero(split.train_counts)
    vocabulary = {int(item): slot for slot, item in enumerate(trained, 1)}
    sources: dict[str, Any] = {"id": id_source(vocabulary, split.catalog_size)}
    encoders: dict[str, Any] = {"id": IdEncoder(len(trained), options.dim)}
    for name, table in features.items():
        sources[name] = TableSource(table, np.arange(len(table)) > 0)
        encoders[name] = FeatureEncoder(WIDTHS[name]).fit(table[trained])
    model, _ = build_model(recipe, options, encoders, content=list(WIDTHS))
    data = SequenceDataModule(
        split,
        sources,
        make_sampler(recipe, options, split),
        batch_size=options.batch_size,
        max_length=options.max_length,
        max_valid=options.max_valid,
        seed=options.seed,
    )
    average, stop = average_and_stop(patience=options.patience, ema=options.ema)
    more = [stop, Curve()] if epochs else [Turns()]
    with quiet():
        trainer = Trainer(
            max_epochs=options.epochs,
            accelerator="cpu",
            precision=options.precision,
            gradient_clip_val=1.0,
            limit_train_batches=None if epochs else steps,
            limit_val_batches=None if epochs else 0,
            callbacks=[average, FiniteLoss(), *more],
            logger=False,
            num_sanity_val_steps=0,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module = SequentialRecommender(
            model,
            loss=make_loss(recipe),
            lr=learning_rate(split, options),
            weight_decay=options.weight_decay,
        )
        trainer.fit(module, datamodule=data)


def start(case: dict[str, Any], path: Path, steps: int, epochs: int) -> subprocess.Popen[str]:
    """Start the process of a case."""
    settings = dict(case)
    source = Path(settings.pop("tree", Path(__file__).parents[1] / "src"))
    command = [sys.executable, __file__, "--worker", str(path), "--steps", str(steps)]
    command += ["--epochs", str(epochs), "--settings", json.dumps(settings)]
    env = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env)


def turns(cases: dict[str, dict[str, Any]], path: Path, steps: int) -> dict[str, np.ndarray]:
    """Return seconds, targets, slots and candidates of each step of each case, ``(steps, 4)``."""
    workers = {label: start(case, path, steps, 0) for label, case in cases.items()}
    rows: dict[str, list[list[float]]] = {label: [] for label in cases}
    for _ in range(steps):
        for label, worker in workers.items():
            print(file=worker.stdin, flush=True)
            rows[label].append(json.loads(worker.stdout.readline()))
    for worker in workers.values():
        worker.communicate("\n")
    return {label: np.array(row)[SKIPPED:] for label, row in rows.items()}


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Return the label and the settings of a case."""
    label, *pairs = text.split(",")
    given = dict(pair.split("=", 1) for pair in pairs)
    return label, {name: int(v) if v.isdigit() else v for name, v in given.items()}


def main() -> None:
    """Write the log, run the cases in turns, print."""
    parser = command_line(__doc__)
    parser.add_argument("--case", action="append", help="label, then settings, with commas")
    parser.add_argument("--steps", type=int, default=60, help="steps of each case that are timed")
    parser.add_argument("--epochs", type=int, default=0, help="epochs of each case, validated")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--settings", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker, arguments.settings, arguments.steps, arguments.epochs)
        return
    cases = dict(parse(text) for text in arguments.case or ["defaults"])
    result: dict[str, dict[str, Any]] = {label: {} for label in cases}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.npz"
        write_log(path)
        if arguments.steps > SKIPPED:
            rows = turns(cases, path, arguments.steps)
            first = rows[next(iter(cases))]
            for label, row in rows.items():
                epoch = row[:, 0].sum() / row[:, 1].sum() * (EVENTS - 3 * USERS)
                ratio = float(np.median(first[:, 0] / row[:, 0]))
                sizes = dict(
                    zip(("targets", "slots", "candidates"), row[:, 1:].mean(0), strict=True)
                )
                result[label] = {"epoch": epoch, "ratio": ratio} | sizes
                print(
                    f"{label:16} epoch {epoch:5.1f} s of one thread, {ratio:.2f} times as fast; a "
                    "step: " + ", ".join(f"{value:.0f} {name}" for name, value in sizes.items()),
                    flush=True,
                )
        for label, case in cases.items() if arguments.epochs else ():
            told, _ = start(case, path, 0, arguments.epochs).communicate()
            valid = [json.loads(line) for line in told.splitlines()]
            result[label]["valid"] = valid
            print(f"{label:16} validation NDCG@10", *(f"{v:.4f}" for v in valid), flush=True)
    print_json(arguments, result)


if __name__ == "__main__":
    main()
