"""Each interest model, fusion, scorer, reranker, loss and sampler, one at a time, with one budget.

    python benchmarks/components.py FOLDER [--sets …] [--kinds interest …] [--seeds 0 1 2] [--json]
    python benchmarks/components.py FOLDER --no-run --page docs/components.md

FOLDER holds data sets: the two real ones, or those of `sparse_sets.py`. One part differs from the
defaults of `mmrec fit`, all else is the same: 12 epochs of which validation chooses one, without
affinities, trends and refit, so that the learned model is measured alone. Each training is a
process of its own, whose peak memory is told beside the seconds of an epoch. A result is kept in
the work folder with a hash of the code, so an interrupted run continues, and ``--page`` writes a
page of what is kept there.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from common import memory, print_json, run_script
from trainings import (
    REAL,
    all_kept,
    grid_line,
    kept,
    made_by,
    short,
    split_of,
    table,
    with_interval,
)

import mmrec
from mmrec.data import read_folder
from mmrec.recommender.parts import SLOTS

KINDS = ("interest", "fusion", "scorer", "reranker", "loss", "negatives")
BUDGET: dict[str, Any] = {"epochs": 12, "refit": "none", "affinities": False, "trend": False}
BASELINES = ("popularity", "markov")


def main() -> None:
    """Train what is missing, and print a line for each training."""
    parser = grid_line(__doc__, "components", "data", "--cache")
    parser.add_argument("--sets", nargs="+", default=list(REAL))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--only", nargs="+", help="names of parts; by default all")
    parser.add_argument("--epochs", type=int, default=BUDGET["epochs"])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(trained(arguments.data, json.loads(arguments.one), arguments.cache)))
        return
    found = []
    for seed in () if arguments.no_run else arguments.seeds:
        for name in arguments.sets:
            for kind, part in parts_of(arguments.kinds, arguments.only):
                job = {"set": name, "kind": kind, "part": part, "seed": seed}
                job["options"] = BUDGET | {"epochs": arguments.epochs} | split_of(name)
                found.append(measured(arguments, job))
                print(f"{name} {kind} {part} {seed}: {found[-1]['ndcg']:.4f}", flush=True)
    if arguments.page:
        arguments.page.write_text(page(arguments.work))
    print_json(arguments, found)


def parts_of(kinds: list[str], only: list[str] | None) -> list[tuple[str, str]]:
    """Return kind and name of each training; the default of all kinds comes once, first."""
    pairs = [("default", "default")]
    for kind in kinds:
        names = [name for name in SLOTS[kind].names if name != SLOTS[kind].default]
        pairs += [(kind, name) for name in names]
    return [(kind, name) for kind, name in pairs if only is None or name in only]


def measured(arguments: argparse.Namespace, job: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one training, from the work folder if they are there."""
    name = "-".join(str(job[field]) for field in ("set", "kind", "part", "seed"))
    command = [sys.executable, __file__, arguments.data, "--cache", arguments.cache]
    command += ["--one", json.dumps(job)]
    return kept(arguments.work, name, job, lambda: run_script(command))


def trained(folder: Path, job: dict[str, Any], cache: Path) -> dict[str, Any]:
    """Return the figures of a training in this process."""
    data = read_folder(folder / job["set"])
    options = mmrec.Options(seed=job["seed"], **job["options"])
    part = {} if job["kind"] == "default" else {job["kind"]: job["part"]}
    made = mmrec.Recommender.fit(
        data.interactions, data.catalog, options=options, cache=cache, **part
    )
    report, stage = made.report, made.report["refit"]["select"]
    reranker = report.get("reranker")
    return {
        "ndcg": report["test"]["ndcg@10"],
        "warm": report["test"]["warm"]["ndcg@10"],
        "valid": report["valid"]["ndcg@10"],
        "kept": None if reranker is None else reranker["kept"],
        "baselines": {name: report["baselines"][name]["ndcg@10"] for name in BASELINES},
        "epochs": stage["epochs"],
        "epoch_seconds": report["seconds"]["train"] / report["training"]["epochs"],
        "peak_bytes": memory("VmHWM"),
        "fingerprint": report["fingerprint"],
    }


HEAD = """# Components compared

The commands below wrote this page; no figure on it is typed by hand.

    python benchmarks/components.py FOLDER [--sets …] [--kinds …] [--seeds 0 1 2]
    python benchmarks/components.py FOLDER --no-run --page docs/components.md

One part differs from the defaults of `mmrec fit`, all else is the same: id, text and image, 12
epochs of which validation chooses one, without affinities, trends and refit, so that the learned
model is measured alone. The whole catalogue is ranked, seen items are filtered, NDCG@10 on test. ±
is the 95 % interval of the mean over seeds (Student's t). Nothing is tuned for a part: each has the
learning rate and the widths of the defaults, so a part that is lower here may be better with its
own. A reranker is kept if it lifts validation; then its figures are with it, else without. After 12
epochs most are still rising: [fusions](fusions.md) and [defaults](defaults.md) train in full.
Seconds are those of an epoch with its validation on one thread; peak memory is that of the process.
"""


def page(work: Path) -> str:
    """Return a page of the results in a folder."""
    sets: dict[str, list[dict[str, Any]]] = {}
    for found in all_kept(work):
        sets.setdefault(found["set"], []).append(found)
    parts = [HEAD]
    for name, rows in sets.items():
        first = rows[0]["baselines"]
        said = ", ".join(f"{one} {short(value)}" for one, value in first.items())
        parts += [f"## {name}\n", f"Baselines: {said}. Split `{rows[0]['fingerprint']}`.\n"]
        parts += [_table(kind, rows) for kind in KINDS if any(r["kind"] == kind for r in rows)]
    return "\n".join([*parts, made_by(row for rows in sets.values() for row in rows)])


def _table(kind: str, rows: list[dict[str, Any]]) -> str:
    usual = {row["seed"]: row["ndcg"] for row in rows if row["kind"] == "default"}
    heads = [kind, "seeds", "NDCG@10", "minus default", "validation", "epoch", "s an epoch", "GB"]
    lines = []
    named: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["kind"] in (kind, "default"):
            named.setdefault(row["part"], []).append(row)
    ordered = sorted(named.items(), key=lambda pair: -statistics.mean(r["ndcg"] for r in pair[1]))
    for name, found in ordered:
        both = [row["ndcg"] - usual[row["seed"]] for row in found if row["seed"] in usual]
        shown = f"**{SLOTS[kind].default or 'none'}** (default)" if name == "default" else name
        if any(row["kept"] is False for row in found):
            shown += f", kept {sum(bool(row['kept']) for row in found)} of {len(found)}"
        cells = [
            shown,
            str(len(found)),
            with_interval([row["ndcg"] for row in found]),
            with_interval(both, signed=True) if both and name != "default" else "",
            short(statistics.mean(row["valid"] for row in found)),
            f"{statistics.mean(row['epochs'] for row in found):.0f}",
            f"{statistics.median(row['epoch_seconds'] for row in found):.1f}",
            f"{max(row['peak_bytes'] for row in found) / 1e9:.1f}",
        ]
        lines.append(cells)
    return table(heads, lines)


if __name__ == "__main__":
    main()
