"""Online learning beside the frozen model, tested on each event before it is learned.

    python benchmarks/online.py DATA --out docs/images [--work DIR] [--cache DIR] [--json]

A recommender is trained on the first 62 % of the events by time and chooses its epoch on those up
to 70 %. (That is `Recommender.fit` on the first 70/.9 %; its test part, the last tenth, chooses
nothing.) The other events, with their new users and new items, follow as a stream in micro-batches
of 64. Each event is ranked before it is learned: whole catalogue, seen items filtered, ties against
the model. The *old* part is the events between 62 and 70 %, which neither training nor the learner
reads; it is ranked before and after the stream. Neither side has a trend or counted affinities: a
learner changes neither, and those of the recommender have counted the beginning of the stream. The
learner's settings are the library's defaults. `--tune` repeats their choice on the events from 60
to 70 %, with a recommender that ends at 60 %.

Recommenders are kept in the work folder and not trained twice. The test compares means over events
and resamples whole users (`mmrec.evaluation.paired_bootstrap`).
"""

import logging
import time
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from common import command_line, print_json

from mmrec import Options, Recommender
from mmrec.baselines import Popularity
from mmrec.data import Dataset, Split, read_folder, split_by_time
from mmrec.data.splits import target_users
from mmrec.evaluation import (
    Frozen,
    HistoryScorer,
    Learner,
    Observed,
    OnlineMarkov,
    Prequential,
    paired_bootstrap,
    prequential,
    rank_targets,
)
from mmrec.evaluation.curves import metric_of_ranks
from mmrec.realtime.learning.online import OnlineLearner

METRICS = ("ndcg@10", "hr@10")
COLORS = {"online": "#0b6fa4", "frozen": "#c8553d", "online Markov": "#8a8a8a"}
TUNED: tuple[dict[str, Any], ...] = (
    {},
    *({"item_lr": rate, "steps": 1} for rate in (0.03, 0.06, 0.1, 0.2)),
    {"item_lr": 0.06},
    {"item_lr": 0.06, "steps": 6},
    {"replay_batch": 0},
    {"replay_batch": 32},
    {"half_life": 5000.0},
    {"learn": ("interest", "scorer", "items")},
)
Result = dict[str, Any]


class Rehearsal(OnlineLearner):
    """Goes on learning what it was trained on, as often, and nothing of the stream.

    What it gains is no gain of online learning.
    """

    def update(self, events: Observed, *, offset: int | None = None) -> None:
        """Learn remembered examples instead."""
        rng = self._rng(0)
        for _ in range(self.steps):
            self._learn(self.reservoir.sample(self.replay_batch, rng), rng)
        self.updates += 1


def recommender(data: Dataset, until: float, seed: int, work: Path, cache: Path) -> Recommender:
    """Return a recommender that was fitted on the first ``until`` of the events alone."""
    folder = work / f"run-{until}-{seed}"
    if not folder.exists():
        log = data.interactions
        events = log.with_frame(log.frame.head(round(len(log) * until / 0.9)))
        # What comes after the cut is the stream: the model has not seen the last tenth before it.
        options = Options(seed=seed, min_count=5, refit="none")
        Recommender.fit(events, data.catalog, cache=cache, options=options).save(folder)
    return Recommender.load(folder)


def split_of(data: Dataset, until: float, end: float) -> Split:
    """Return the log up to ``end``: trained on, old, and streamed from ``until`` on."""
    log = data.interactions
    events = log.with_frame(log.frame.head(round(len(log) * end)))
    valid, test = until * 8 / 9 / end, until / end
    return split_by_time(events, data.catalog, valid=valid, test=test, min_count=5)


def learner_of(
    made: Recommender,
    split: Split,
    seed: int,
    make: type[OnlineLearner] = OnlineLearner,
    **options: Any,
) -> OnlineLearner:
    """Return a learner that starts at a recommender and remembers what that was trained on."""
    learner = make(made.model, made.vectors, made.state.counts, seed=seed, **options)
    learner.remember(split.train)
    return learner


def means(result: Prequential, chosen: np.ndarray | None = None) -> dict[str, float]:
    """Return the mean metrics of a stream, or of some of its events."""
    rows = slice(None) if chosen is None else chosen
    return {metric: float(result.values(metric)[rows].mean()) for metric in METRICS}


def old_part(scorer: HistoryScorer, split: Split) -> float:
    """Return NDCG@10 on the events between training and stream."""
    rank = rank_targets(scorer, split, "valid").rank
    return float(metric_of_ranks(rank, "ndcg@10", split.catalog_size).mean())


def streamed(learner: Learner, split: Split) -> Prequential:
    """Return the rank of each event of the stream."""
    return prequential(learner, split, "test", batch_size=64)


def compare(data: Dataset, seed: int, work: Path, cache: Path) -> tuple[Result, dict[str, Any]]:
    """Return the figures of one seed, and the two streams."""
    split = split_of(data, 0.7, 1.0)
    made = recommender(data, 0.7, seed, work, cache)
    start = made.state.learned_scorer
    learner, before = learner_of(made, split, seed), old_part(start, split)
    frozen = streamed(Frozen(start), split)
    began = time.perf_counter()
    online = streamed(learner, split)
    seconds = time.perf_counter() - began
    users = target_users(split, online.position)
    new_item = split.until("valid").counts(split.catalog_size)[_items(split, online)] == 0
    result: Result = {"seed": seed, "online": means(online), "frozen": means(frozen)}
    for metric in METRICS:
        test = paired_bootstrap(online.values(metric), frozen.values(metric), users, seed=0)
        result[f"difference_{metric}"] = test._asdict()
        result[f"gain_{metric}"] = result["online"][metric] / result["frozen"][metric] - 1
    rehearsal = streamed(learner_of(made, split, seed, Rehearsal), split)
    result["rehearsal"] = means(rehearsal)
    after = old_part(learner, split)
    result["new_items"] = {
        "events": float(new_item.mean()),
        "online": means(online, new_item),
        "frozen": means(frozen, new_item),
    }
    result["old_part"] = {"before": before, "after": after, "kept": after / before}
    result["skipped"], result["seconds"] = learner.skipped, seconds
    return result, {"online": online, "frozen": frozen}


def baselines(data: Dataset) -> tuple[Result, Prequential]:
    """Return what counting gives on the same stream, and the stream of the Markov chain."""
    split = split_of(data, 0.7, 1.0)
    before = split.until("valid")
    markov = streamed(OnlineMarkov(split.catalog_size).fit(before), split)
    popular = streamed(Frozen(Popularity().fit(before, split.catalog_size)), split)
    return {"online Markov": means(markov), "popularity": means(popular)}, markov


def tune(data: Dataset, work: Path, cache: Path) -> list[Result]:
    """Return what each setting gives between 60 and 70 %, on a recommender that ends at 60 %."""
    split, made = split_of(data, 0.6, 0.7), recommender(data, 0.6, 0, work, cache)
    start = made.state.learned_scorer
    frozen, before = means(streamed(Frozen(start), split)), old_part(start, split)
    results = []
    for options in TUNED:
        learner = learner_of(made, split, 0, **options)
        found = means(streamed(learner, split))
        kept = old_part(learner, split) / before
        gain = found["ndcg@10"] / frozen["ndcg@10"] - 1
        results.append({"options": options, **found, "gain": gain, "kept": kept})
        print(f"NDCG@10 {gain:+.1%}, old part {kept:.1%}  {options or 'defaults'}", flush=True)
    return results


def _items(split: Split, result: Prequential) -> np.ndarray:
    items: np.ndarray = split.sequences.item[result.position]
    return items


def draw(streams: list[dict[str, Prequential]], markov: Prequential, path: Path) -> None:
    """Draw NDCG@10 over the last 2,000 events, a line a seed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    window = min(2000, len(markov.rank))
    at = np.arange(window - 1, len(markov.rank))
    for stream in [*streams, {"online Markov": markov}]:
        for name, result in stream.items():
            curve = result.curve(window=window)[at]
            axes.plot(at + 1, curve, color=COLORS[name], lw=1.2, label=name)
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), frameon=False)
    axes.set_xlabel("events of the stream")
    axes.set_ylabel(f"NDCG@10, last {window:,} events")
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    path.mkdir(parents=True, exist_ok=True)
    figure.savefig(path / "online.png", dpi=150)


def main() -> None:
    """Train, stream, compare, draw, print."""
    parser = command_line(__doc__, "data", "--cache")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--work", type=Path, default=Path("online"))
    parser.add_argument("--out", type=Path, help="folder of the image")
    parser.add_argument("--tune", action="store_true", help="repeat the choice of the settings")
    arguments = parser.parse_args()
    logging.getLogger("mmrec").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    data = read_folder(arguments.data)
    places = (arguments.work, arguments.cache)
    if arguments.tune:
        tuned = tune(data, *places)
        print_json(arguments, tuned)
        return
    results, streams = [], []
    for seed in arguments.seeds:
        result, stream = compare(data, seed, *places)
        results.append(result)
        streams.append(stream)
        for metric in METRICS:
            test = result[f"difference_{metric}"]
            print(
                f"seed {seed}: {metric} {result['online'][metric]:.4f} online, "
                f"{result['frozen'][metric]:.4f} frozen, {result[f'gain_{metric}']:+.1%} "
                f"(difference {test['low']:.4f} to {test['high']:.4f}, p {test['p']:.4f})"
            )
        rehearsed, old = result["rehearsal"]["ndcg@10"], result["old_part"]
        print(f"seed {seed}: ndcg@10 {rehearsed:.4f} by rehearsal alone")
        print(f"seed {seed}: old part {old['before']:.4f} → {old['after']:.4f}", flush=True)
    counted, markov = baselines(data)
    for name, found in counted.items():
        print(f"{name}: " + ", ".join(f"{metric} {value:.4f}" for metric, value in found.items()))
    if arguments.out is not None:
        draw(streams, markov, arguments.out)
    gains = {f"gain_{m}": mean(r[f"gain_{m}"] for r in results) for m in METRICS}
    kept = mean(result["old_part"]["kept"] for result in results)
    print_json(arguments, {"seeds": results, "baselines": counted, **gains, "kept": kept})


if __name__ == "__main__":
    main()
