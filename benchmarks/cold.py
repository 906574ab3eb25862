"""What finds new items, and what that costs the others.

    python benchmarks/cold.py FOLDER [--sets …] [--seeds 0 1 2] [--json]
    python benchmarks/cold.py FOLDER --no-run --page docs/cold.md

FOLDER holds data sets: the two real ones, or those of `sparse_sets.py`. A model is trained with the
defaults and without a refit, so that new items are those without a training event. Then the same
model is measured with other weights: what finds new items among new items alone; what the weights
that new items have of their own are worth; and how NDCG@10 of the other targets falls while more
new items are lifted. A result is kept in the work folder, so an interrupted run continues;
``--page`` writes a page of what is kept there, and its pictures into the folder ``images`` beside
it.
"""

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import print_json
from trainings import all_kept, grid_line, kept, made_by, short, split_of, table

import mmrec
from mmrec.affinities import counting_once
from mmrec.affinities.new_items import CONTENT, NEW, NEW_ITEM, NEW_LEARNED, UNSEEN
from mmrec.data import Split, read_folder
from mmrec.data.splits import target_users
from mmrec.evaluation import rank_among_cold, summarize
from mmrec.recommender import RecommenderState
from mmrec.recommender.pipeline.affinity import OWN, attach, weights_of
from mmrec.recommender.pipeline.assemble import Recipe
from mmrec.recommender.pipeline.choices import Sources, choose
from mmrec.recommender.pipeline.clock import Clock
from mmrec.recommender.pipeline.measure import measure_on_test, protocol_of
from mmrec.recommender.pipeline.plan import Execution
from mmrec.recommender.pipeline.prepare import check_given, make_plan
from mmrec.recommender.pipeline.requests import ValidRequests
from mmrec.recommender.pipeline.scorers import scorer_at
from mmrec.recommender.pipeline.stage import context_of, run_stage

OF_OWN, USUAL = "weights of their own", "a constant alone"
MORE = (-4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0)
"""What is added to the constant, times the unit of weights."""

LAST = 5
"""Last items of a history of which the new ones are counted."""


def main() -> None:
    """Train what is missing, and print the figures."""
    parser = grid_line(__doc__, "cold", "data", "--cache")
    parser.add_argument("--sets", nargs="+", default=["ml-latest-small-posters"])
    arguments = parser.parse_args()
    found = []
    for name in () if arguments.no_run else arguments.sets:
        for seed in arguments.seeds:
            folder, options = arguments.data / name, split_of(name)
            job = {"set": name, "seed": seed, "options": options}
            found.append(
                kept(
                    arguments.work,
                    f"{name}-{seed}",
                    job,
                    lambda folder=folder, seed=seed: measured(folder, seed, arguments.cache),
                )
            )
            print(f"{name} {seed}: {found[-1]['among new']}", flush=True)
    if arguments.page:
        arguments.page.write_text(page(arguments.work, arguments.page.parent / "images"))
    print_json(arguments, found)


def measured(folder: Path, seed: int, cache: Path) -> dict[str, Any]:
    """Return the figures of one training."""
    data, recipe = read_folder(folder), Recipe({})
    given = mmrec.Options(seed=seed, refit="none", **split_of(folder.name))
    options, modalities = check_given(given, recipe)
    plan, how = make_plan(data, options, recipe, modalities), Execution(cache)
    stage = run_stage(plan, how, context_of(plan, how), Clock())
    sources, split = stage.content.sources, plan.split
    chosen, facts = choose(stage.state, sources, split)
    cases = Cases(stage.state, sources, split, chosen)
    with counting_once():
        return {
            "fingerprint": split.fingerprint,
            "weights": weights_of(chosen),
            "cold": facts["affinities"]["cold"],
            "taste": taste(chosen.labelled(split)),
            "among new": dict(cases.among_new()),
            "curves": dict(cases.curves(1 / facts["affinities"]["factor"])),
        }


def taste(split: Split) -> dict[str, dict[str, float]]:
    """Return how often a test event is on a new item, by how many of the last items were new."""
    stops = split.targets("test")
    requests = ValidRequests(
        split, stops[stops > split.sequences.offsets[target_users(split, stops)]]
    )
    new = ~split.warm
    before = np.zeros(len(requests.stops), dtype=np.int64)
    for rows in np.array_split(np.arange(len(before)), max(len(before) // 1000, 1)):
        last = requests.histories(rows).tail(LAST)
        before[rows] = (new[last.items.numpy()] & last.mask.numpy()).sum(1)
    on_new = new[requests.targets]
    groups = {"none": before == 0, "1 or 2": (before > 0) & (before < 3), "3 or more": before > 2}
    return {
        name: {"requests": int(rows.sum()), "new": float(on_new[rows].mean())}
        for name, rows in groups.items()
        if rows.any()
    }


class Cases:
    """One trained model with other weights of its affinities, measured on test."""

    def __init__(
        self,
        trained: RecommenderState,
        sources: Sources,
        split: Split,
        chosen: RecommenderState,
    ) -> None:
        self.trained, self.sources, self.split, self.chosen = trained, sources, split, chosen
        self.weights = weights_of(chosen)
        self.usual = {
            name: weight
            for name, weight in self.weights.items()
            if name not in (*OWN, UNSEEN) and not name.startswith(NEW)
        }

    def among_new(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Yield what finds new items among new items, and the figures."""
        content = {name: w for name, w in self.usual.items() if name.startswith(CONTENT)}
        tried = {
            "what was learned": {},
            "frozen content": content | {NEW_LEARNED: 0.0},
            "both, with the weights of other items": self.usual,
            "both, as chosen": self.weights,
        }
        for name, weights in tried.items():
            state = self._with(weights)
            split = state.labelled(self.split)
            ranks = rank_among_cold(
                scorer_at(state, split, "test"), split, "test", protocol_of(state)
            )
            if ranks is not None:
                found = summarize(ranks, split.catalog_size)
                yield name, {metric: found[metric] for metric in ("ndcg@10", "hr@10")}

    def curves(self, unit: float) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Yield points of the curves: constants, and the figures of new items and of the others."""
        curves = {USUAL: (self.usual, UNSEEN)}
        if NEW_ITEM in self.weights:
            curves[OF_OWN] = self.weights, NEW_ITEM
        for name, (weights, balance) in curves.items():
            points = []
            for more in MORE:
                constant = weights.get(balance, 0.0) + unit * more
                found = measure_on_test(self._with({**weights, balance: constant}), self.split)
                points.append({"constant": constant, **found})
            yield name, points

    def _with(self, weights: Mapping[str, float]) -> RecommenderState:
        state = attach(self.trained, self.sources, self.split, weights, {})
        return replace(state, trend=self.chosen.trend)


HEAD = """# New items

The commands below wrote this page; no figure on it is typed by hand.

    python benchmarks/cold.py FOLDER [--sets …] [--seeds 0 1 2]
    python benchmarks/cold.py FOLDER --no-run --page docs/cold.md

What finds items without a training event, and what that costs the others
([affinities](affinities.md#items-without-events)). The model has the defaults of `mmrec fit` with
`--refit none`; then its weights are changed, and it is measured again. Figures are of the test
part, over the whole catalogue, with seen items filtered. The set ml-latest-small-posters was
measured before years, genres and people were read by default; with them it has other figures
([numbers](numbers.md#movielens-latest-small-global-time-5-core-training-part)).
"""


def page(work: Path, images: Path) -> str:
    """Return a page of the results in a folder; its pictures are written to another."""
    images.mkdir(exist_ok=True)
    sets: dict[str, list[Any]] = {}
    for found in all_kept(work):
        sets.setdefault(found["set"], []).append(found)
    parts = [HEAD]
    for name, rows in sets.items():
        seeds = ", ".join(str(row["seed"]) for row in rows)
        parts.append(f"## {name}\n\nSplit `{rows[0]['fingerprint']}`, seeds {seeds}.\n")
        parts += [_taste(rows), _among(rows)]
        picture = images / f"cold-{name}.png"
        draw(rows, picture)
        parts += [_curves(rows), f"![New items against the others]({images.name}/{picture.name})\n"]
        parts += [_weights(rows), made_by(rows)]
    return "\n".join(parts)


def _taste(rows: list[Any]) -> str:
    heads = [f"new items among the last {LAST}", "requests", "of these on a new item"]
    lines = [
        (name, f"{one['requests']:,}", f"{one['new']:.0%}")
        for name, one in rows[0]["taste"].items()
    ]
    return f"Who took new items lately takes another:\n\n{table(heads, lines)}"


def _among(rows: list[Any]) -> str:
    lines = []
    for name in rows[0]["among new"]:
        figures = [row["among new"][name] for row in rows if name in row["among new"]]
        lines.append((name, *(_mean(figures, metric) for metric in ("ndcg@10", "hr@10"))))
    heads = ["score", "NDCG@10", "HR@10"]
    said = "Targets on new items, ranked among new items alone, mean over seeds:"
    return f"{said}\n\n{table(heads, lines)}"


def _curves(rows: list[Any]) -> str:
    lines = []
    for name in dict.fromkeys(name for row in rows for name in row["curves"]):
        own = [row["curves"][name] for row in rows if name in row["curves"]]
        for place, more in enumerate(MORE):
            points = [points[place] for points in own]
            lines.append(
                (
                    name,
                    f"{more:+g}",
                    _mean(points, "ndcg@10"),
                    _mean([point["warm"] for point in points], "ndcg@10"),
                    _mean([point["cold"] for point in points], "hr@10"),
                )
            )
    heads = ["new items have", "constant", "NDCG@10", "of the others", "HR@10 of new items"]
    said = (
        "All items compete. The constant is added to the score of new items; +0 is what validation "
        f"chose, or 0 where there is {USUAL}. Mean over seeds:"
    )
    return f"{said}\n\n{table(heads, lines)}"


def _weights(rows: list[Any]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row["weights"]))
    lines = [
        (str(row["seed"]), *(f"{row['weights'].get(n, 0):.3g}" for n in names)) for row in rows
    ]
    return f"The weights that validation chose:\n\n{table(['seed', *names], lines)}"


def _mean(rows: list[Any], metric: str) -> str:
    return short(statistics.mean(row[metric] for row in rows))


def draw(rows: list[Any], file: Path) -> None:
    """Draw HR@10 of new items against NDCG@10 of the others, a curve for each kind of weights."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panel = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
    for place, name in enumerate((USUAL, OF_OWN)):
        curves = [row["curves"][name] for row in rows if name in row["curves"]]
        for number, points in enumerate(curves):
            others = [point["warm"]["ndcg@10"] for point in points]
            new = [point["cold"]["hr@10"] for point in points]
            color, label = plt.get_cmap("tab10")(place), None if number else name
            panel.plot(others, new, "o-", ms=3, lw=1.3, color=color, label=label)
    panel.set_xlabel("NDCG@10 of the other targets")
    panel.set_ylabel("HR@10 of new items")
    panel.set_ylim(0, None)
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(lw=0.5, color="#e2dfd8")
    panel.legend(frameon=False, fontsize=8)
    figure.savefig(file, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
