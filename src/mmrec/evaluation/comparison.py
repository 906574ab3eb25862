"""Comparing RUNs: means with intervals, differences with p-values, slices, baselines."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float

from mmrec.evaluation.curves import metric_of_ranks
from mmrec.evaluation.results import Result, by_recipe, check_comparable
from mmrec.evaluation.slices import WITH, named_slices
from mmrec.evaluation.statistics import (
    SAMPLES,
    Difference,
    Interval,
    cluster_bootstrap,
    holm,
    paired_bootstrap,
    paired_test,
    seed_interval,
)


@dataclass(frozen=True)
class Group:
    """RUNs that differ only by seed.

    Attributes:
        name: what sets it apart from the other groups.
        runs: their folders.
        seeds: their seeds.
        values: the metric of each.
        mean: the mean of ``values``.
        over_seeds: Student's t interval of that mean; None with one seed.
        over_users: bootstrap interval with users resampled, of the mean over seeds; None where a
            RUN has no ``targets.parquet``.
        metrics: the other numbers of the test report, means over seeds.
        slices: the metric on parts of the test events.
        curves: NDCG@10 on validation after each epoch, of each RUN.
    """

    name: str
    runs: list[str]
    seeds: list[int | None]
    values: list[float]
    mean: float
    over_seeds: Interval | None
    over_users: Interval | None
    metrics: dict[str, float]
    slices: dict[str, float]
    curves: list[list[float]]


@dataclass(frozen=True)
class Versus:
    """How much better a group is than the first one.

    Attributes:
        name: the group.
        difference: of the means over events, by the bootstrap over users.
        holm: its p-value, corrected for the number of groups.
        wilcoxon: p-value of the signed-rank test on the mean differences of the users; None with
            one user.
        slices: the difference on parts of the test events; their p-values are not corrected.
    """

    name: str
    difference: Difference
    holm: float
    wilcoxon: float | None
    slices: dict[str, Difference]


@dataclass(frozen=True)
class Comparison:
    """Everything a comparison says.

    Attributes:
        metric: what is compared, such as ``"ndcg@10"``.
        level: confidence of all intervals.
        facts: of the split and the protocol.
        groups: in the order in which they were given.
        versus: every group but the first; empty where a RUN has no ``targets.parquet``.
        baselines: the metric of each; None where the report hasn't got it.
        slices: how many test events each has.
    """

    metric: str
    level: float
    facts: dict[str, Any]
    groups: list[Group]
    versus: list[Versus]
    baselines: dict[str, float | None]
    slices: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self, dict_factory=_plain)


def compare_runs(
    results: Sequence[Result],
    *,
    metric: str = "ndcg@10",
    level: float = 0.95,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare RUNs on the test part of one split.

    RUNs that differ only by seed are one group. Where every RUN has its ``targets.parquet``, each
    event's metric is averaged over a group's seeds and paired with the first group's; users are
    resampled whole. These intervals are about other users, with these seeds; the ones over seeds
    are about other seeds, with these users.

    Args:
        results: see :func:`mmrec.evaluation.results.read_result`; the first is what the others
            are compared with.
        metric: ``ndcg@K``, ``hr@K`` or ``mrr@K``.
        level: confidence of the intervals.
        samples: draws of the bootstrap.
        seed: of the draws.

    Raises:
        ValueError: they were measured on different splits or by different protocols, one is given
            twice, or the metric is unknown.
        ImportError: SciPy is not installed, and there is more than one RUN.
    """
    if not results:
        raise ValueError("a comparison needs one RUN or more; got none")
    metric_of_ranks(torch.ones(1, dtype=torch.long), metric)  # an unknown one is refused first
    check_comparable(results)
    named = by_recipe(results)
    targets = [r.targets for r in results if r.targets is not None]
    paired = len(targets) == len(results)
    parts = slices_of(targets[0]) if paired else {}
    users = targets[0]["user_id"].to_numpy() if paired else np.empty(0)
    draw: dict[str, Any] = {"level": level, "samples": samples, "seed": seed}
    events = {name: _per_event(group, metric) for name, group in named.items()} if paired else {}
    groups, several = [], len(np.unique(users)) > 1
    for name, group in named.items():
        over_users = cluster_bootstrap(events[name], users, **draw) if several else None
        shown = {part: float(events[name][mask].mean()) for part, mask in parts.items()}
        groups.append(_group(name, group, metric, level, over_users, shown))
    first, *others = events or [""]
    versus = [_versus(name, events[name], events[first], users, parts, draw) for name in others]
    corrected = holm([one.difference.p for one in versus])
    report = results[0].report
    return Comparison(
        metric=metric,
        level=level,
        facts=_facts(results[0]),
        groups=groups,
        versus=[
            Versus(v.name, v.difference, p, v.wilcoxon, v.slices)
            for v, p in zip(versus, corrected, strict=True)
        ],
        baselines={name: b.get(metric) for name, b in report.get("baselines", {}).items()},
        slices={part: int(mask.sum()) for part, mask in parts.items()},
    )


def slices_of(targets: pl.DataFrame) -> dict[str, Bool[np.ndarray, " N"]]:
    """Return parts of the test events that say where a recommender is good: a mask for each.

    Parts that are empty, or everything, are left out.
    """
    has = {
        name: targets[f"has_{name}"].cast(pl.Boolean).to_numpy()
        for name in WITH
        if f"has_{name}" in targets.columns and targets[f"has_{name}"].null_count() == 0
    }
    return named_slices(targets["warm"].to_numpy(), targets["history"].to_numpy(), has)


def _per_event(group: Sequence[Result], metric: str) -> Float[np.ndarray, " N"]:
    """Return the metric of each test event, averaged over the seeds of a group."""
    each = [_of_targets(run, run.targets, metric) for run in group if run.targets is not None]
    means: np.ndarray = np.mean(each, 0)
    return means


def _of_targets(run: Result, targets: pl.DataFrame, metric: str) -> Float[np.ndarray, " N"]:
    rank = torch.from_numpy(targets["rank"].to_numpy().astype(np.int64))
    return metric_of_ranks(rank, metric, run.report.get("items"))


def _group(
    name: str,
    runs: Sequence[Result],
    metric: str,
    level: float,
    over_users: Interval | None,
    slices: dict[str, float],
) -> Group:
    values = [_value(run, metric) for run in runs]
    tests = [run.report["test"] for run in runs]
    numbers = [key for key, value in tests[0].items() if isinstance(value, int | float)]
    metrics = {
        key: float(np.mean([test[key] for test in tests]))
        for key in numbers
        if all(isinstance(test.get(key), int | float) for test in tests)
    }
    return Group(
        name=name,
        runs=[run.name for run in runs],
        seeds=[run.seed for run in runs],
        values=values,
        mean=float(np.mean(values)),
        over_seeds=seed_interval(values, level=level) if len(values) > 1 else None,
        over_users=over_users,
        metrics=metrics,
        slices=slices,
        curves=[run.report.get("training", {}).get("valid_curve", []) for run in runs],
    )


def _value(run: Result, metric: str) -> float:
    if run.targets is not None:
        return float(_of_targets(run, run.targets, metric).mean())
    if metric not in run.report["test"]:
        raise ValueError(
            f"metric must be in the report of {run.name}, which has no targets.parquet; got "
            f"{metric!r}"
        )
    return float(run.report["test"][metric])


def _versus(
    name: str,
    values: np.ndarray,
    first: np.ndarray,
    users: np.ndarray,
    parts: dict[str, np.ndarray],
    draw: dict[str, Any],
) -> Versus:
    several = len(np.unique(users)) > 1
    return Versus(
        name=name,
        difference=paired_bootstrap(values, first, users, **draw),
        holm=1.0,  # not before all are known
        wilcoxon=paired_test(values, first, users).p if several else None,
        slices={
            part: paired_bootstrap(values[mask], first[mask], users[mask], **draw)
            for part, mask in parts.items()
            if len(np.unique(users[mask])) > 1
        },
    )


def _facts(result: Result) -> dict[str, Any]:
    report = result.report
    names = ("split", "fingerprint", "events", "users", "candidates")
    facts = {name: report[name] for name in names if name in report}
    facts["protocol"] = result.identity["protocol"]
    if result.targets is not None:
        facts["test_users"] = result.targets["user_id"].n_unique()
    return facts


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: _named(value) for key, value in pairs}


def _named(value: Any) -> Any:
    if isinstance(value, Interval | Difference):
        bounds = value._asdict()  # infinite for a single user, which JSON can't say
        return {key: number if np.isfinite(number) else None for key, number in bounds.items()}
    if isinstance(value, dict):
        return {key: _named(inner) for key, inner in value.items()}
    return value
