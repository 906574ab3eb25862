"""Cost curves: time and peak memory of a training step.

    python benchmarks/curves.py --out docs/images [--quick] [--json]

Against the size of the catalogue (a sampled pool beside the full softmax), the length of histories
(GRU, self-attention, linear recurrence) and the batch. Events are random; an item has 64 features,
which lie in a memory-mapped file. Every point runs in a process of its own. Its peak memory is what
the training steps add to the memory before the first step, without pages of files. Times are
medians. `matplotlib` draws the images: pip install 'mmrec[compare]'.
"""

import argparse
import ctypes
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from common import PeakMemory, command_line, print_json

WIDTH, DIM, NEGATIVES = 64, 128, 1024
COLORS = {
    "sampled pool": "#0b6fa4",
    "full softmax": "#c8553d",
    "GRU": "#0b6fa4",
    "self-attention": "#c8553d",
    "linear recurrence": "#5b8c5a",
}
BUILDERS = {"GRU": "gru4rec", "self-attention": "sasrec", "linear recurrence": "lrurec"}
Point = dict[str, Any]


def measure(point: Point) -> Point:
    """Train some steps in this process."""
    import numpy as np
    import torch

    import mmrec.models
    from mmrec.data import Collator, Sequences, TableSource
    from mmrec.encoders import FeatureEncoder
    from mmrec.losses import softmax_loss
    from mmrec.sampling import FullSampler, InBatchSampler, PopularitySampler, UnionSampler
    from mmrec.training import build_optimizer

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    items, length, batch_size = point["items"], point["length"], point["batch"]
    steps = point["steps"]
    users = batch_size * (steps + 1)
    events = users * (length + 1)
    log = Sequences(
        item=rng.integers(1, items + 1, events),
        gap=np.zeros(events),
        event_type=np.zeros(events, dtype=np.int64),
        time=np.zeros(events),
        offsets=np.arange(users + 1) * (length + 1),
        users=range(users),
    )
    spans = np.stack([log.offsets[:-1], log.offsets[1:]], axis=1)
    options = {"window": length} if point["model"] == "self-attention" else {}
    build = getattr(mmrec.models, BUILDERS[point["model"]])
    model = build({"feature": FeatureEncoder(WIDTH)}, dim=DIM, dropout=0.1, **options)
    optimizer = build_optimizer(model, 1e-3, 0.0, 0.01)
    with TemporaryDirectory() as folder:
        path, shape = Path(folder, "features.npy"), (items + 1, WIDTH)
        table = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        for start in range(0, items + 1, 50_000):
            rows = table[start : start + 50_000]
            rows[:] = rng.normal(size=rows.shape)
        del table, rows
        features = np.load(path, mmap_mode="r")
        counts = np.ones(items + 1)
        if point["pool"] == "full softmax":
            pool: Any = FullSampler(np.arange(1, items + 1))
        else:
            targets = batch_size * length
            pool = UnionSampler(
                [PopularitySampler(counts, NEGATIVES), InBatchSampler(counts, targets)]
            )
        pool.log_inclusion(np.array([1]))
        pool.draw(rng)
        source = TableSource(features, np.arange(items + 1) > 0)
        collate = Collator(log, {"feature": source}, pool)
        # What was freed so far would be used again unnoticed.
        ctypes.CDLL(None).malloc_trim(0)
        seconds, slots = [], []
        with PeakMemory(every=0.002) as memory:
            for step in range(steps + 1):
                started = time.perf_counter()
                batch = collate(list(spans[step * batch_size : (step + 1) * batch_size]))
                output = model(batch)
                pooled = batch.pool
                loss = softmax_loss(output.logits, output.target, pooled.candidates, pooled.log_q)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                seconds.append(time.perf_counter() - started)
                slots.append(len(pooled))
                del batch, output, loss, pooled
    return point | {
        "ms": round(1000 * statistics.median(seconds[1:]), 2),
        "mib": round((memory.peak - memory.first) / 2**20, 1),
        "slots": round(statistics.median(slots)),
    }


def points(quick: bool) -> dict[str, list[Point]]:
    """Return what is measured, by image."""
    base = {"model": "GRU", "pool": "sampled pool", "items": 100_000, "length": 20, "batch": 64}
    base |= {"steps": 4 if quick else 8}
    sizes = [1000, 10_000, 100_000] if quick else [1000, 3000, 10_000, 30_000, 100_000, 300_000]
    sizes += [1_000_000]
    lengths = [10, 100] if quick else [10, 30, 100, 300, 1000]
    batches = [16, 128] if quick else [8, 16, 32, 64, 128, 256]
    full = [size for size in sizes if size <= (10_000 if quick else 100_000)]
    return {
        "catalogue": [
            *(base | {"items": size} for size in sizes),
            *(base | {"items": size, "pool": "full softmax"} for size in full),
        ],
        # A small catalogue: the pool is then all of it at any length, and what grows is the model.
        "history": [
            base | {"model": model, "items": 1000, "length": length, "batch": 8}
            for model in BUILDERS
            for length in lengths
        ],
        "batch": [base | {"batch": size} for size in batches],
    }


def run(point: Point) -> Point:
    """Measure a point in a process of its own."""
    command = [sys.executable, __file__, "--point", json.dumps(point)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the point {point} failed:\n{done.stderr}")
    found: Point = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{found['model']:18} {found['pool']:13} items {found['items']:>9,} "
        f"length {found['length']:>5} batch {found['batch']:>4}: {found['ms']:>9.1f} ms "
        f"{found['mib']:>8.1f} MiB, {found['slots']:,} slots",
        flush=True,
    )
    return found


IMAGES = {
    "catalogue": ("items", "pool", "items in the catalogue"),
    "history": ("length", "model", "events in a history"),
    "batch": ("batch", "model", "histories in a batch"),
}


def ticks(found: list[Point], axis: str) -> list[int]:
    """Return the powers of ten among the measured places, or all of these."""
    places = sorted({point[axis] for point in found})
    tens = [place for place in places if str(place).strip("0") == "1"]
    return tens if len(tens) > 2 else places


def draw(name: str, found: list[Point], out: Path) -> Path:
    """Draw time and memory side by side."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("the curves need matplotlib: pip install 'mmrec[compare]'") from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    axis, series, label = IMAGES[name]
    settings = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    with plt.rc_context(settings):
        figure, panels = plt.subplots(1, 2, figsize=(7.6, 2.9), layout="constrained")
        for panel, (value, title) in zip(
            panels,
            [("ms", "milliseconds of a step"), ("mib", "peak memory of a step, MiB")],
            strict=True,
        ):
            for line in dict.fromkeys(point[series] for point in found):
                own = [point for point in found if point[series] == line]
                panel.plot(
                    [point[axis] for point in own],
                    [point[value] for point in own],
                    marker="o",
                    markersize=4,
                    color=COLORS[line],
                    label=line,
                )
            panel.set(xscale="log", yscale="log", xlabel=label)
            for one in (panel.xaxis, panel.yaxis):
                one.set_major_formatter(lambda number, _: f"{number:,.10g}")
                one.set_minor_formatter("")
            panel.minorticks_off()
            panel.set_xticks(ticks(found, axis))
            panel.set_title(title, loc="left", fontsize=9)
            panel.grid(alpha=0.25, linewidth=0.6)
            lowest = min(point[value] for point in found)
            highest = max(point[value] for point in found)
            # Two decades at least, so that a flat line looks flat.
            spare = max((100 / (highest / lowest)) ** 0.5, 1.4)
            panel.set_ylim(lowest / spare, highest * spare)
        if len({point[series] for point in found}) > 1:
            panels[0].legend(frameon=False)
        path = out / f"curves-{name}.png"
        figure.savefig(path, dpi=120)
        plt.close(figure)
    return path


def main() -> None:
    """Measure, draw, print."""
    parser = command_line(__doc__)
    parser.add_argument("--out", type=Path, default=Path("curves"))
    parser.add_argument("--only", choices=list(IMAGES), action="append")
    parser.add_argument("--quick", action="store_true", help="few points")
    parser.add_argument("--point", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.point is not None:
        print(json.dumps(measure(arguments.point)))
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    result = {}
    for name, wanted in points(arguments.quick).items():
        if arguments.only is None or name in arguments.only:
            result[name] = [run(point) for point in wanted]
            print(draw(name, result[name], arguments.out))
    print_json(arguments, result)


if __name__ == "__main__":
    main()
