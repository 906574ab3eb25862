"""Times of a live recommender with and without affinities: an event, and the list after it.

    python benchmarks/affinities_live.py [--items 3500 20000] [--calls 2000] [--json]

A generated recommender (id and a vector of 256 columns, D = 64, 1 epoch) is served in one process
and on one thread, three times: ``plain`` has no affinities; ``counted`` has those that are counted
in the log, with a weight each; ``all`` has content too, whose 128 directions make every vector
wider. 200 users have 50 events each. In each turn one of them takes an item and asks for a list,
once of each recommender: ``event`` is the call that stores it, ``list`` the first list after it,
which counts it, and ``again`` the same list once more. Times are medians and 99th percentiles of
single calls after a warm-up, without garbage collection. They are CPU times, which other processes
change least. With ``--trend``, the recommenders have a trend too.
"""

import gc
import time
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import torch
from common import command_line, print_json

from mmrec import Options, Recommender
from mmrec.affinities import COUNTED, ContentAffinity, with_content
from mmrec.data import Interactions, to_sequences
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.content import VectorsModality
from mmrec.trends import ItemEvents, Trend, TrendWeights
from realtime import WARM, fill, percentiles

USERS, EVENTS = 200, 50
"""Users who are served, and events of each before the first call."""
LOGGED, LENGTH = 6000, 8
"""Users of the training, and events of each."""
WIDTH = 256
"""Columns of an item's vector."""
TASTES = 50
"""Groups of items; a user takes most items from one."""


def log_of(items: int, users: int, length: int, name: str, seed: int) -> dict[str, Any]:
    """Return events of users who mostly take items of one group, popular ones most often."""
    draw = np.random.default_rng(seed)
    size = items // TASTES
    popular = 1 / np.arange(1, size + 1) ** 0.8
    inside = draw.choice(size, (users, length), p=popular / popular.sum())
    taste = np.where(draw.random((users, length)) < 0.8, draw.integers(TASTES, size=(users, 1)),
                     draw.integers(TASTES, size=(users, length)))  # fmt: skip
    return {
        "user_id": np.repeat([f"{name}{n}" for n in range(users)], length),
        "item_id": (inside * TASTES + taste).ravel(),
        "timestamp": 1e9 + np.arange(users * length, dtype=np.float64),
    }


def trained(items: int, *, trend: bool) -> dict[str, Recommender]:
    """Return the same model without affinities, with those that are counted, and with all."""
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(items, WIDTH)).astype(np.float32)
    options = Options(modalities=("id", "look"), split="leave-one-out", dim=64, epochs=1, lr=1e-3,
                      refit="none", trend=False, affinities=False, max_valid=100)  # fmt: skip
    rows = log_of(items, LOGGED, LENGTH, "u", 1)
    catalog = pl.DataFrame({"item_id": np.arange(items), "look": vectors})
    made = Recommender.fit(
        rows, catalog, options=options, encoders={"look": VectorsModality("look")}
    )
    events = to_sequences(Interactions(rows), made.catalog)
    state = made.state
    if trend:
        log = ItemEvents(events.item, events.time.astype(np.float64))
        weights = TrendWeights(now=0.5)
        trend_of_log = Trend.of(log, events.counts(items), half_life=1e4, pseudo_count=10.0,
                                weights=weights)  # fmt: skip
        state = replace(state, trend=trend_of_log)
    counted = replace(
        state, neighbours=tuple(one.of(events, items).weighted(2.0) for one in COUNTED.values())
    )
    return {
        "plain": Recommender(state),
        "counted": Recommender(counted),
        "all": Recommender(wide(counted)),
    }


def wide(state: RecommenderState) -> RecommenderState:
    """Return a state with the affinity of content."""
    model = with_content(state.model, ContentAffinity({"look": 128})).eval()
    model.interest.weights.fill_(2.0)
    made = replace(state, model=model)
    vectors, shares = made.encode(state.catalog, slots=state.slots[1:])
    pad = partial(torch.nn.functional.pad, pad=(0, 0, 1, 0))
    return replace(
        made, vectors=pad(vectors), modality_contributions={n: pad(s) for n, s in shares.items()}
    )


def measured(items: int, calls: int, *, trend: bool) -> dict[str, float]:
    """Measure events and lists of a catalogue, and print a line for each."""
    served = {n: RealtimeRecommender(m) for n, m in trained(items, trend=trend).items()}
    past = log_of(items, USERS, EVENTS, "user-", 2)["item_id"].reshape(USERS, EVENTS)
    for live in served.values():
        for user, row in enumerate(past):
            fill(live, f"user-{user}", row.tolist())
    later = log_of(items, USERS, -(-(calls + WARM) // USERS), "user-", 3)
    later = later["item_id"].reshape(USERS, -1).T.ravel()
    taken = np.empty((3, len(served), calls + WARM))
    gc.collect()
    gc.disable()
    for turn in range(calls + WARM):
        user, item, at = f"user-{turn % USERS}", int(later[turn]), time.time()
        for place in np.roll(range(len(served)), turn):
            live = list(served.values())[place]
            began = time.thread_time_ns()
            live.observe(user, item, "view", at)
            clock = [began, time.thread_time_ns()]
            for _ in range(2):
                live.recommend(user, k=10)
                clock.append(time.thread_time_ns())
            taken[:, place, turn] = np.diff(clock)
    gc.enable()
    taken = taken[..., WARM:] / 1e6
    found: dict[str, float] = {}
    for what, rows in zip(("event", "list", "again"), taken, strict=True):
        for name, row in zip(served, rows, strict=True):
            found |= percentiles(f"{what}_{items}_{name}", row)
        base = np.median(rows[0])
        for name, row in zip(served, rows, strict=True):
            found[f"{what}_{items}_{name}_ratio"] = ratio = float(np.median(row) / base)
            print(f"  {what}, {name} against plain: × {ratio:.2f}")
    return found


def main() -> None:
    """Print the table, and the figures as JSON."""
    parser = command_line(__doc__)
    parser.add_argument("--items", type=int, nargs="+", default=[3500, 20_000])
    parser.add_argument("--calls", type=int, default=2000, help="events and lists of each")
    parser.add_argument("--trend", action="store_true", help="with a trend in all of them")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'milliseconds':<34} {'p50':>10} {'p99':>10}")
    found: dict[str, float] = {}
    for items in arguments.items:
        found |= measured(items, arguments.calls, trend=arguments.trend)
    print_json(arguments, found)


if __name__ == "__main__":
    main()
