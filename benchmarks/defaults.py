"""The defaults of mmrec against every baseline of its report, on sparse data sets.

    python benchmarks/sparse_sets.py SETS --data FOLDER
    python benchmarks/defaults.py SETS [--only shop-a …] [--seeds 0 1 2] [--work DIR] [--json]
    python benchmarks/defaults.py SETS --min-count 5

Leave-one-out, by default without a k-core filter: every user and every item stays. Each line of
the table is a set: NDCG@10 on test of mmrec (mean over seeds, with the 95 % interval by Student's
t), of the best baseline, the ratio, NDCG@10 on targets with a training event, and HR@10 on those
without. ``--without affinities`` or ``--without refit`` measures what a default is worth. A result
is kept in the work folder, so an interrupted run continues.
"""

import hashlib
import json
import statistics
from pathlib import Path
from typing import Any

from common import command_line, print_json

import mmrec
from mmrec.data import read_folder

T95 = {1: float("nan"), 2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""Quantiles of Student's t for an interval of 95 %, by the number of seeds."""

ABLATIONS: dict[str, dict[str, Any]] = {
    "affinities": {"affinities": False},
    "refit": {"refit": "none"},
    "trend": {"trend": False},
    "request_time": {"request_time": False},
}


def main() -> None:
    """Train what is missing, and print the table."""
    parser = command_line(__doc__, "--cache")
    parser.add_argument("sets", type=Path, help="folder that sparse_sets.py has written")
    parser.add_argument("--only", nargs="+", help="names of sets; by default all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--min-count", type=int, default=0, help="k of the k-core filter")
    parser.add_argument("--without", nargs="+", default=[], choices=ABLATIONS)
    parser.add_argument("--work", type=Path, default=Path("defaults"), help="results are kept here")
    arguments = parser.parse_args()
    names = arguments.only or sorted(path.name for path in arguments.sets.iterdir())
    arguments.work.mkdir(parents=True, exist_ok=True)
    changes: dict[str, Any] = {"refit": "valid"}  # the third training changes no figure
    if arguments.min_count:
        changes["min_count"] = arguments.min_count
    for name in arguments.without:
        changes |= ABLATIONS[name]
    rows = []
    for name in names:
        results = [
            measured(arguments.sets / name, seed, changes, arguments.work, arguments.cache)
            for seed in arguments.seeds
        ]
        rows.append(row_of(name, results))
        print(one_line(rows[-1]), flush=True)
    print_json(arguments, rows)


def measured(folder: Path, seed: int, changes: dict[str, Any], work: Path, cache: Path) -> Any:
    """Return the figures of one training, from the work folder if they are there."""
    key = json.dumps([folder.name, seed, changes], sort_keys=True)
    kept = work / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    if kept.is_file():
        return json.loads(kept.read_text())
    data = read_folder(folder)
    options = mmrec.Options(split="leave-one-out", seed=seed, **changes)
    made = mmrec.Recommender.fit(data.interactions, data.catalog, options=options, cache=cache)
    test = made.report["test"]
    found = {
        "ndcg": test["ndcg@10"],
        "warm": test["warm"].get("ndcg@10"),
        "cold": test["cold"].get("hr@10"),
        "baselines": {n: m["ndcg@10"] for n, m in made.report["baselines"].items()},
        "weights": made.report.get("affinities", {}).get("weights"),
        "fingerprint": made.report["fingerprint"],
        "seconds": made.report["seconds"]["train"],
    }
    kept.write_text(json.dumps(found))
    return found


def row_of(name: str, results: list[Any]) -> dict[str, Any]:
    """Return the figures of a set over its seeds."""
    values = [result["ndcg"] for result in results]
    best = max(results[0]["baselines"], key=results[0]["baselines"].get)
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return {
        "set": name,
        "fingerprint": results[0]["fingerprint"],
        "ndcg@10": statistics.mean(values),
        "interval": T95[len(values)] * error,
        "seeds": values,
        "baselines": results[0]["baselines"],
        "best": best,
        "ratio": statistics.mean(values) / results[0]["baselines"][best],
        "warm ndcg@10": statistics.mean(result.get("warm") or 0.0 for result in results),
        "cold hr@10": statistics.mean(result["cold"] or 0.0 for result in results),
        "weights": [result["weights"] for result in results],
    }


def one_line(row: dict[str, Any]) -> str:
    """Return a line of the table."""
    best = row["baselines"][row["best"]]
    return (
        f"{row['set']:<15} {row['ndcg@10']:.4f} ± {row['interval']:.4f}  "
        f"{row['best']} {best:.4f}  × {row['ratio']:.2f}  "
        f"warm {row['warm ndcg@10']:.4f}  cold HR@10 {row['cold hr@10']:.3f}"
    )


if __name__ == "__main__":
    main()
