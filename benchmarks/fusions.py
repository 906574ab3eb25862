"""Every fusion, trained in full, with a reranker too, and what missing content costs.

    python benchmarks/fusions.py FOLDER [--sets …] [--only siamese …] [--seeds 0 1 2] [--json]
    python benchmarks/fusions.py FOLDER --no-run --page docs/fusions.md

FOLDER holds data sets: the two real ones, or those of `sparse_sets.py`. Each fusion is trained with
`--refit none`, and its epoch is chosen on validation. `siamese + mlp` has the reranker mlp too,
which is kept if it lifts validation: with a text, a picture and a GRU this is the formula h, v →
Siamese → GRU → MLP. A line of the table is a fusion: NDCG@10 on test (mean over seeds, with the
95 % interval by Student's t), the difference from concatenation over the seeds that both have, and
the seconds of a training. A picture, and the second table, show NDCG@10 when a quarter, a half and
all of the items lack a modality. A result is kept in the work folder with a hash of the code, so an
interrupted run continues, and ``--page`` writes a page of what is kept there, with its pictures in
the folder ``images`` beside it.
"""

import statistics
from pathlib import Path
from typing import Any

from common import print_json
from trainings import all_kept, grid_line, kept, short, split_of, table, with_interval

import mmrec
from mmrec.data import read_folder
from mmrec.recommender.parts import SLOTS

USUAL = "concat"
SHARES = (0.25, 0.5, 1.0)
WITH = " + mlp"
"""Ends the name of a fusion that is trained with a reranker."""
NAMES = [*SLOTS["fusion"].names, f"{USUAL}{WITH}", f"siamese{WITH}"]


def main() -> None:
    """Train what is missing, and print the table."""
    parser = grid_line(__doc__, "fusions", "data", "--cache")
    parser.add_argument("--sets", nargs="+", default=["ml-100k-posters"])
    parser.add_argument("--only", nargs="+", choices=NAMES, help="fusions; by default all")
    arguments = parser.parse_args()
    found = []
    for seed in () if arguments.no_run else arguments.seeds:
        for name in arguments.sets:
            for fusion in arguments.only or NAMES:
                folder = arguments.data / name
                found.append(measured(folder, fusion, seed, arguments.work, arguments.cache))
                print(f"{name} {fusion} {seed}: {found[-1]['ndcg']:.4f}", flush=True)
    if arguments.page:
        arguments.page.write_text(page(arguments.work, arguments.page.parent / "images"))
    print_json(arguments, found)


def measured(folder: Path, fusion: str, seed: int, work: Path, cache: Path) -> dict[str, Any]:
    """Return the figures of one training, from the work folder if they are there."""
    options = split_of(folder.name)
    job = {"set": folder.name, "fusion": fusion, "seed": seed, "options": options}
    name = f"{folder.name}-{fusion.replace(WITH, '-mlp')}-{seed}"
    return kept(work, name, job, lambda: trained(folder, fusion, seed, cache))


def trained(folder: Path, fusion: str, seed: int, cache: Path) -> dict[str, Any]:
    """Return the figures of a training."""
    data = read_folder(folder)
    chosen = mmrec.Options(seed=seed, refit="none", **split_of(folder.name))
    parts = {"fusion": fusion.removesuffix(WITH)}
    if fusion.endswith(WITH):
        parts["reranker"] = "mlp"
    made = mmrec.Recommender.fit(
        data.interactions, data.catalog, options=chosen, cache=cache, **parts
    )
    test = made.report["test"]
    curves = made.degradation(shares=SHARES).select("modality", "share", "ndcg@10")
    return {
        "ndcg": test["ndcg@10"],
        "valid": made.report["valid"]["ndcg@10"],
        "cold": test["cold"].get("hr@10"),
        "reranker": made.report.get("reranker"),
        "weights": made.report.get("affinities", {}).get("weights"),
        "fingerprint": made.report["fingerprint"],
        "seconds": made.report["seconds"]["train"],
        "curves": curves.to_dicts(),
    }


HEAD = """# Fusions

The commands below wrote this page; no figure on it is typed by hand.

    python benchmarks/fusions.py FOLDER [--sets …] [--seeds 0 1 2]
    python benchmarks/fusions.py FOLDER --no-run --page docs/fusions.md

Every fusion is trained in full with the defaults of `mmrec fit` and `--refit none`. ± is the 95 %
interval of the mean over seeds (Student's t). The modalities are an id, a text and an image.
"""


def page(work: Path, images: Path) -> str:
    """Return a page of the results in a folder; its pictures are written to another."""
    images.mkdir(exist_ok=True)
    sets: dict[str, dict[str, list[Any]]] = {}
    for found in all_kept(work):
        sets.setdefault(found["set"], {}).setdefault(found["fusion"], []).append(found)
    parts = [HEAD]
    for name, fusions in sets.items():
        picture = images / f"fusions-{name}.png"
        draw(fusions, picture)
        parts += [f"## {name}\n", _accuracy(fusions)]
        parts += [f"![Quality when content is missing]({images.name}/{picture.name})\n"]
        parts += [_degradation(fusions)]
    return "\n".join(parts)


def _accuracy(fusions: dict[str, list[Any]]) -> str:
    usual = {found["seed"]: found["ndcg"] for found in fusions.get(USUAL, [])}
    heads = ["fusion", "seeds", "NDCG@10", "validation", f"minus {USUAL}", "new HR@10"]
    lines = []
    for name, rows in fusions.items():
        both = [row["ndcg"] - usual[row["seed"]] for row in rows if row["seed"] in usual]
        cold = [row["cold"] for row in rows if row["cold"] is not None]
        told = [row["reranker"] for row in rows if row.get("reranker")]
        cells = (
            name,
            str(len(rows)),
            with_interval([row["ndcg"] for row in rows]),
            short(statistics.mean(row["valid"] for row in rows)),
            with_interval(both, signed=True) if both and name != USUAL else "",
            short(statistics.mean(cold)) if cold else "",
            f"kept {sum(one['kept'] for one in told)} of {len(told)}" if told else "",
            f"{statistics.median(row['seconds'] for row in rows):.0f}",
        )
        lines.append(cells)
    return table([*heads, "reranker", "seconds"], lines)


def _degradation(fusions: dict[str, list[Any]]) -> str:
    curves = {name: _curves_of(rows) for name, rows in fusions.items()}
    points = list(next(iter(curves.values())))
    said = "NDCG@10 when a share of the items lacks a modality, mean over seeds.\n"
    heads = ["fusion", *(f"{share:.0%} without {name}" for name, share in points)]
    lines = [[name, *(short(found[one]) for one in points)] for name, found in curves.items()]
    return f"{said}\n{table(heads, lines)}"


def draw(fusions: dict[str, list[Any]], file: Path) -> None:
    """Draw a panel for each modality, and in it a curve for each fusion."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    curves = {name: _curves_of(rows) for name, rows in fusions.items() if WITH not in name}
    modalities = list(dict.fromkeys(name for name, _ in next(iter(curves.values()))))
    figure, panels = plt.subplots(
        1, len(modalities), figsize=(8.4, 3.2), sharey=True, layout="constrained", squeeze=False
    )
    for panel, modality in zip(panels[0], modalities, strict=True):
        for place, (fusion, points) in enumerate(curves.items()):
            line = {share: value for (name, share), value in points.items() if name == modality}
            line = {0.0: statistics.mean(row["ndcg"] for row in fusions[fusion]), **line}
            color = plt.get_cmap("tab10")(place)
            panel.plot(
                list(line), list(line.values()), "o-", ms=3, lw=1.3, color=color, label=fusion
            )
        panel.set_title(f"without {modality}", fontsize=10)
        panel.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", lw=0.5, color="#e2dfd8")
    panels[0][0].set_ylim(0, None)
    panels[0][0].set_ylabel("NDCG@10")
    figure.supxlabel("share of the items that lose the modality", fontsize=9)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=8)
    figure.savefig(file, dpi=120)
    plt.close(figure)


def _curves_of(rows: list[Any]) -> dict[tuple[str, float], float]:
    """Return NDCG@10 by modality and share, the mean over seeds."""
    found: dict[tuple[str, float], list[float]] = {}
    for row in rows:
        for point in row["curves"]:
            found.setdefault((point["modality"], point["share"]), []).append(point["ndcg@10"])
    return {key: statistics.mean(values) for key, values in found.items()}


if __name__ == "__main__":
    main()
