"""Train a data set with several seeds and show the mean, its interval, and the baselines.

    python benchmarks/seeds.py DATA --split leave-one-out --min-count 5 --seeds 0 1 2 [--json]

Epochs are selected on validation; the test part is measured once, after training. The interval is
Student's t at 95 % over the seeds: it covers the chance of training, not that of the users. The
standard error over the targets of one seed is shown beside it.
"""

import math
import statistics

from common import command_line, print_json

import mmrec
from mmrec.data import read_folder

# 97.5 % quantiles of Student's t for n - 1 degrees of freedom, by n
STUDENT = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}


def interval(values: list[float]) -> float:
    """Half the width of the 95 % interval of the mean."""
    if len(values) < 2:
        return math.nan
    return STUDENT[min(len(values), 10)] * statistics.stdev(values) / math.sqrt(len(values))


def main() -> None:
    """Train, measure, print."""
    parser = command_line(__doc__, "data", "--cache")
    parser.add_argument("--split", default="time")
    parser.add_argument("--min-count", type=int, default=5)
    parser.add_argument("--modalities", default="id,text,image")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    dataset = read_folder(arguments.data)
    reports = []
    for seed in arguments.seeds:
        options = mmrec.Options(
            split=arguments.split,
            min_count=arguments.min_count,
            modalities=tuple(arguments.modalities.split(",")),
            seed=seed,
            refit="none",  # as in docs/numbers.md
        )
        made = mmrec.Recommender.fit(
            dataset.interactions, dataset.catalog, cache=arguments.cache, options=options
        )
        reports.append(made.report)
        test = made.report["test"]
        print(f"seed {seed}: NDCG@10 {test['ndcg@10']:.4f}  HR@10 {test['hr@10']:.4f}", flush=True)
    first = reports[0]
    table = {}
    for metric in ("ndcg@10", "hr@10"):
        values = [report["test"][metric] for report in reports]
        table[metric] = {
            "mean": statistics.mean(values),
            "interval": interval(values),
            **{name: measured[metric] for name, measured in first["baselines"].items()},
        }
    share = table["hr@10"]["mean"]
    result = {
        "split": first["split"],
        "fingerprint": first["fingerprint"],
        "targets": first["test"]["targets"],
        "seeds": arguments.seeds,
        "hr_standard_error": math.sqrt(share * (1 - share) / first["test"]["targets"]),
        "cold_share@10": statistics.mean(report["test"]["cold_share@10"] for report in reports),
        "cold": first["test"]["cold"],
        "seconds": [sum(report["seconds"].values()) for report in reports],
        **table,
    }
    for metric in ("ndcg@10", "hr@10"):
        row = result[metric]
        print(
            f"{metric}: {row['mean']:.4f} ± {row['interval']:.4f}; "
            + ", ".join(f"{name} {row[name]:.4f}" for name in first["baselines"])
        )
    print_json(arguments, result)


if __name__ == "__main__":
    main()
