"""Times of a live recommender: an event, a list, new items.

    python benchmarks/realtime.py RUN [--quick] [--json] [--calls 5000] [--noise 0.3] [--effort 288]

Everything runs in one process and, apart from building an HNSW graph, on one thread. Times are
medians and 99th percentiles of single calls after a warm-up, without garbage collection. Calls
that are compared take turns, one by one or in blocks of 50.

Large catalogues repeat the RUN's item vectors. Each copy gets noise of its own: the difference of
two random item vectors times noise / √2. The covariance of the noise is noise² times that of the
items, so copies differ along the directions in which items differ. With `--isotropic` the noise is
normal in all directions, of the length noise · ‖v‖. This is harder for a graph, since the items of
a trained model differ along few directions. Users have 50 events, drawn by the items' popularity in
training.

`recommend` is the whole call for such a user, seen items excluded; `search` is the index alone,
without filters. Exact search uses float32, the default, unless another type is named. Recall is
the share of the exact search's ten lines that the whole call over HNSW has too. A search of the
graph looks at `--effort` candidates.

`full` waits for the disk in each commit; the log lies in a new folder in `--folder`.
"""

import gc
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import torch
from common import command_line, print_json, seconds_of
from torch import Tensor

from mmrec.data import Catalog, Histories
from mmrec.realtime import (
    Event,
    EventLog,
    ExactIndex,
    HnswIndex,
    ItemIndex,
    MemoryLog,
    NewEvent,
    RealtimeRecommender,
    SqliteLog,
    StateUpdater,
)
from mmrec.recommender import Recommender
from mmrec.recommender.content import trains_encoders

USERS, EVENTS = 200, 50
"""Users who are served, and events of each."""
LONG, SHORT, GROUP = 10_000, 10, 4
"""Events of the two groups of users that are compared, and users of each group that take turns."""
HISTORY = 200
"""Events that are encoded again, against one step."""
WARM = 300
"""Calls before the first that counts."""
BLOCK = 50
"""Calls of one group before the next group; the first call of a block finds cold caches."""

NAMED = ("noise", "isotropic", "effort")
"""Arguments that the figures depend on."""

Call = Callable[[], object]


def milliseconds(calls: Sequence[Call]) -> np.ndarray:
    """Return how long each call takes."""
    taken = np.empty(len(calls))
    gc.collect()
    gc.disable()
    try:
        for number, call in enumerate(calls):
            began = time.perf_counter_ns()
            call()
            taken[number] = time.perf_counter_ns() - began
    finally:
        gc.enable()
    return taken / 1e6


def in_turn(*groups: Sequence[Call], block: int = 1) -> list[np.ndarray]:
    """Return the milliseconds of the calls of each variant, in alternating blocks."""
    count, calls = len(groups), len(groups[0])
    blocks = [group[n : n + block] for n in range(0, calls, block) for group in groups]
    taken = milliseconds(list(chain.from_iterable(blocks)))
    taken = taken.reshape(-1, count, block).swapaxes(0, 1).reshape(count, -1)
    return list(taken[:, WARM:])


def percentiles(name: str, taken: np.ndarray) -> dict[str, float]:
    """Return the figures of one name, and print its line of the table."""
    p50, p99 = np.percentile(taken, [50, 99])
    print(f"{name:<34} {p50:10.4f} {p99:10.4f}", flush=True)
    return {f"{name}_p50_ms": float(p50), f"{name}_p99_ms": float(p99)}


def fill(live: RealtimeRecommender, user: str, items: Sequence[Any]) -> None:
    """Give a user events, a minute apart, and the state after them."""
    start = time.time() - 60.0 * len(items)
    live.log.append_many(
        [NewEvent(user, item, "view", start + 60 * n) for n, item in enumerate(items)]
    )
    live.recommend(user)


def observing(made: Recommender, log: EventLog, name: str, calls: int) -> dict[str, float]:
    """Measure `observe` with a log; then for users with few and many events."""
    live, draw = RealtimeRecommender(made, log=log), np.random.default_rng(0)
    ids = live.catalog.ids

    def some(count: int) -> list[Any]:
        return [ids[row] for row in draw.integers(len(ids), size=count)]

    for user in range(USERS):
        fill(live, f"user-{user}", some(EVENTS))
    items = enumerate(some(WARM + calls))
    [taken] = in_turn([partial(live.observe, f"user-{n % USERS}", item) for n, item in items])
    found = percentiles(name, taken)

    count = WARM + calls // 2
    # Who has few events soon has more, so after ten calls others take over.
    rounds = [n // (SHORT * GROUP) * GROUP + n % GROUP for n in range(count)]
    for user in range(GROUP):
        fill(live, f"long-{user}", some(LONG))
    for user in range(max(rounds) + 1):
        fill(live, f"short-{user}", some(SHORT))
    few, many = in_turn(
        [partial(live.observe, f"short-{rounds[n]}", item) for n, item in enumerate(some(count))],
        [partial(live.observe, f"long-{n % GROUP}", item) for n, item in enumerate(some(count))],
    )
    percentiles(f"{name}, {SHORT} events", few)
    percentiles(f"{name}, {LONG:,} events", many)
    log.close()
    ratio = float(np.median(many) / np.median(few))
    print(f"{name}: {LONG:,} events against {SHORT}: × {ratio:.3f}")
    suffix = name.removeprefix("observe")
    return found | {f"history_{LONG}_vs_{SHORT}{suffix}": ratio}


def stepping(made: Recommender, calls: int) -> dict[str, float]:
    """Measure the update of a state by one event against encoding a whole history again."""
    draw, model = np.random.default_rng(1), made.model
    updater = StateUpdater(
        model.interest,
        "",
        made.state.reader,
    )
    indices = draw.permutation(np.resize(np.arange(1, len(made.vectors)), HISTORY + 1))
    events = [Event(n + 1, "", int(i), "view", 60.0 * n) for n, i in enumerate(indices)]
    session = updater(updater.start(), events[:-1], made.vectors, int)
    histories = Histories.of_items([indices[:-1]])
    count = WARM + calls
    groups: list[list[Call]] = [
        [partial(model.interests, histories, made.vectors)] * count,
        [partial(updater, session, events[-1:], made.vectors, int)] * count,
    ]
    found: dict[str, float] = {}
    with torch.inference_mode():
        for name, block in (("alternating_", 1), ("", BLOCK)):
            again, step = in_turn(*groups, block=block)
            found |= percentiles(f"{name}reencode_{HISTORY}", again)
            found |= percentiles(f"{name}step", step)
            ratio = float(np.median(again) / np.median(step))
            found[f"{name}step_vs_reencode_{HISTORY}"] = ratio
            print(f"a step against encoding {HISTORY} events again, {block} of each in turn: "
                  f"× {ratio:.1f} faster")  # fmt: skip
    return found


def noise_of(vectors: Tensor, copies: Tensor, level: float, *, isotropic: bool) -> Tensor:
    """Return the noise of each copy of an item vector."""
    draw = torch.Generator().manual_seed(2)
    if isotropic:
        scale: Tensor = level / copies.shape[1] ** 0.5 * copies.norm(dim=1, keepdim=True)
        return torch.randn(copies.shape, generator=draw) * scale
    one, other = torch.randint(1, len(vectors), (2, len(copies)), generator=draw)
    return (vectors[one] - vectors[other]) * (level / 2**0.5)


def enlarged(made: Recommender, size: int, level: float, *, isotropic: bool) -> Recommender:
    """Return a recommender with ``size`` items whose vectors are copies with noise."""
    rows = torch.cat([torch.zeros(1).long(), torch.arange(size) % (len(made.vectors) - 1) + 1])
    copies = made.vectors[rows]
    noise = noise_of(made.vectors, copies[1:], level, isotropic=isotropic)
    relative = (noise.norm(dim=1) / copies[1:].norm(dim=1)).median()
    print(f"{size:,} items: noise of {relative:.2f} of an item vector's length (median)")
    copies[1:] += noise
    frame = pl.DataFrame({"item_id": np.arange(size)})
    text = [name for name in made.catalog.frame.columns if name not in ("item_id", "image")]
    frame = frame.with_columns(pl.lit("").alias(name) for name in text)
    state = replace(
        made.state,
        catalog=Catalog(frame),
        vectors=copies,
        counts=made.state.counts[rows],
        slots=np.zeros(size + 1, dtype=np.int64),
        report={},
        targets=None,
        modality_contributions={
            name: share[rows] for name, share in made.state.modality_contributions.items()
        },
    )
    return Recommender(state)


def served(large: Recommender, index: ItemIndex) -> tuple[RealtimeRecommender, list[np.ndarray]]:
    """Return a live recommender whose users have histories, and the histories."""
    live, draw = RealtimeRecommender(large, index=lambda _: index), np.random.default_rng(3)
    counts = large.state.counts.double().numpy()
    popular = counts / counts.sum()
    histories = [draw.choice(len(popular), EVENTS, p=popular) for _ in range(USERS)]
    for user, history in enumerate(histories):
        fill(live, f"user-{user}", live.catalog.ids_of(history))
    return live, histories


def searching(
    name: str, large: Recommender, index: ItemIndex, calls: int
) -> tuple[dict[str, float], RealtimeRecommender]:
    """Measure whole lists and the bare search of an index."""
    live, histories = served(large, index)
    with torch.inference_mode():
        states = large.model.interests(Histories.of_items(histories), large.vectors)
        queries = large.model.scorer.index_queries(states).split(1)
    search = torch.inference_mode()(index.search)  # as the whole call does
    whole, bare = in_turn(
        [partial(live.recommend, f"user-{n % USERS}", k=10) for n in range(WARM + calls)],
        [partial(search, queries[n % USERS], 10) for n in range(WARM + calls)],
        block=BLOCK,
    )
    return percentiles(f"recommend_{name}", whole) | percentiles(f"search_{name}", bare), live


def lists(live: RealtimeRecommender) -> list[set[Any]]:
    """Return the ten items that each user gets."""
    return [{line.item for line in live.recommend(f"user-{n}", k=10, at=2e9)} for n in range(USERS)]


def catalogue(made: Recommender, size: int, calls: int, options: Any) -> dict[str, float]:
    """Measure lists of a large catalogue, exact and approximate, and adding items to it."""
    large = enlarged(made, size, options.noise, isotropic=options.isotropic)
    found: dict[str, float] = {}
    name = f"{size // 1000}k" if size < 10**6 else f"{size // 10**6}m"
    dim = large.model.scorer.index_vectors(large.vectors[:1]).shape[1]
    for dtype in ("bfloat16", "int8"):
        figures, _ = searching(f"exact_{name}_{dtype}", large, ExactIndex(dim, dtype=dtype), calls)
        found |= figures
    figures, exact = searching(f"exact_{name}", large, ExactIndex(dim), calls)
    began = time.perf_counter()
    index = HnswIndex(dim, effort=options.effort)
    more, hnsw = searching(f"hnsw_{name}", large, index, calls)
    found |= figures | more
    pairs = zip(lists(exact), lists(hnsw), strict=True)
    recall = sum(len(best & got) for best, got in pairs) / (10 * USERS)
    print(f"HNSW over {size:,} items: recall@10 {recall:.4f}; graph and calls together took "
          f"{time.perf_counter() - began:.0f} s", flush=True)  # fmt: skip
    found["hnsw_recall_at_10" if name == "100k" else f"hnsw_{name}_recall_at_10"] = recall
    if name == "100k":
        found |= adding(exact, made, "exact") | adding(hnsw, made, "hnsw")
    return found


def adding(live: RealtimeRecommender, made: Recommender, name: str) -> dict[str, float]:
    """Measure adding 1,000 items whose features are known."""
    if trains_encoders({n: m.modality for n, m in made.state.modalities.items()}):
        print("add_items: not measured, the encoders of this RUN are not frozen")
        return {}
    draw, seconds, count = np.random.default_rng(4), [], 1000
    features = {
        modality: draw.standard_normal((count, fitted.facts["feature_dim"]), dtype=np.float32)
        for modality, fitted in made.state.modalities.items()
        if "feature_dim" in fitted.facts
    }
    columns = [name for name in live.catalog.frame.columns if name != "item_id"]
    for _ in range(5):
        first = len(live.catalog)
        rows = {"item_id": range(first, first + count)} | {n: ["new"] * count for n in columns}
        new = pl.DataFrame(rows)
        seconds.append(seconds_of(partial(live.add_items, new, features=features)))
    print(f"add_items, {count:,} items ({name}): {', '.join(f'{s:.3f}' for s in seconds)} s")
    return {"add_items_1000_s" if name == "exact" else f"add_items_1000_{name}_s": max(seconds)}


def sync_ms(folder: Path) -> float:
    """Return what a write of 4 kB costs that waits for the disk: the floor of `full`."""
    with (folder / "probe").open("wb") as file:

        def write() -> None:
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())

        return float(np.median(milliseconds([write] * 50)))


def main() -> None:
    """Print the table, and the figures as JSON."""
    parser = command_line(__doc__, "run", "--folder")
    parser.add_argument("--quick", action="store_true", help="fewer calls, and no million items")
    parser.add_argument("--calls", type=int, default=5000, help="calls of each group")
    parser.add_argument("--noise", type=float, default=0.3, help="relative, see above")
    parser.add_argument("--isotropic", action="store_true", help="noise in all directions")
    parser.add_argument("--effort", type=int, default=288, help="candidates of a search (HNSW)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    calls = 2000 if arguments.quick else -(-arguments.calls // BLOCK) * BLOCK
    made = Recommender.load(arguments.run)
    interest = made.state.specs["interest"].name
    print(f"{interest}, {len(made.catalog):,} items, D = {made.vectors.shape[1]}")
    print(f"{'milliseconds':<34} {'p50':>10} {'p99':>10}")
    found: dict[str, Any] = {name: getattr(arguments, name) for name in NAMED} | {"calls": calls}
    with TemporaryDirectory(dir=arguments.folder) as folder:
        found["disk_sync_ms"] = sync_ms(Path(folder))
        found |= observing(made, MemoryLog(), "observe", calls)
        for durability in ("normal", "full"):
            log = SqliteLog(Path(folder, durability), durability=durability)
            found |= observing(made, log, f"observe_{durability}", calls)
    print(f"a bare write that waits for the disk: {found['disk_sync_ms']:.3f} ms")
    found |= stepping(made, min(calls, 2000))
    for name in ("observe", "observe_normal", "observe_full"):
        ratio = found[f"reencode_{HISTORY}_p50_ms"] / found[f"{name}_p50_ms"]
        found[f"{name}_vs_reencode_{HISTORY}"] = ratio
        print(f"  the whole {name} against it: × {ratio:.1f} faster")
    found |= catalogue(made, 100_000, calls, arguments)
    if not arguments.quick:
        found |= catalogue(made, 1_000_000, 2000, arguments)
    print_json(arguments, found)


if __name__ == "__main__":
    main()
