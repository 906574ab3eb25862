"""Comparison of RUNs: means with intervals, differences with p-values, slices, baselines."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float, Shaped

from mmrec.evaluation.curves import metric_of_ranks
from mmrec.evaluation.results import Result, by_recipe, check_comparable, told_apart
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
from mmrec.evaluation.targets import (
    AMONG_COLD,
    COLD_ALONE,
    metric_of_targets,
    ranks_cold,
    slices_of,
)


@dataclass(frozen=True)
class Group:
    """RUNs that differ only by seed.

    Attributes:
        name: the options that differ from the other groups, or a folder.
        runs: the folders of the RUNs.
        seeds: the seed of each RUN.
        values: the metric of each RUN.
        mean: the mean of ``values``.
        over_seeds: Student's t interval of that mean; None with one seed.
        over_users: bootstrap interval of the mean over seeds, with users resampled; None if a RUN
            has no ``targets.parquet`` or there is only one user.
        metrics: all numbers of the test report, each averaged over seeds.
        slices: the metric on slices of the test events.
        curves: NDCG@10 on validation after each epoch, for each RUN.
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
        name: the name of the group.
        difference: difference of the means over events, by the bootstrap over users.
        holm: the p-value of ``difference``, corrected for the number of groups.
        wilcoxon: p-value of the signed-rank test on the mean differences of the users; None with
            one user.
        slices: the difference on slices of the test events; their p-values are not corrected.
    """

    name: str
    difference: Difference
    holm: float
    wilcoxon: float | None
    slices: dict[str, Difference]


@dataclass(frozen=True)
class Comparison:
    """The result of :func:`compare_runs`.

    Attributes:
        metric: the metric that is compared, such as ``"ndcg@10"``.
        level: confidence of all intervals.
        facts: name, fingerprint and sizes of the split, the fingerprint of the protocol, and in
            ``changed`` the own parts whose source is not the same in all RUNs.
        groups: the groups, in the order of their first RUN.
        versus: every group but the first; empty if a RUN has no ``targets.parquet``.
        baselines: the metric of each baseline; None if it is not in the report.
        slices: the number of test events in each slice.
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

    RUNs that differ only by seed form one group; RUNs whose own parts have another source form
    another. If every RUN has its ``targets.parquet``, the
    metric of each event is averaged over the seeds of a group and paired with that of the first
    group; the bootstrap resamples whole users. Intervals over users show how the result would vary
    with other users and the same seeds; intervals over seeds, with other seeds and the same users.

    Args:
        results: see :func:`mmrec.evaluation.results.read_result`; the others are compared with the
            group of the first.
        metric: ``ndcg@K``, ``hr@K`` or ``mrr@K``.
        level: confidence of the intervals.
        samples: draws of the bootstrap.
        seed: seed of the draws.

    Raises:
        ValueError: the RUNs have different splits or protocols, one is given twice, or the metric
            is unknown.
        ImportError: SciPy is not installed, and there is more than one RUN.
    """
    if not results:
        raise ValueError("a comparison expects one RUN or more; got none")
    metric_of_ranks(torch.ones(1, dtype=torch.long), metric)  # raises if the metric is unknown
    results, changed = told_apart(results)
    check_comparable(results)
    named = by_recipe(results)
    draw: dict[str, Any] = {"level": level, "samples": samples, "seed": seed}
    targets = [r.targets for r in results if r.targets is not None]
    paired = _Paired.of(named, targets[0], metric) if len(targets) == len(results) else None
    return Comparison(
        metric=metric,
        level=level,
        facts=_facts(results[0])
        | {"refit": sorted({str(r.recipe.get("refit")) for r in results}), "changed": changed},
        groups=[_group(name, group, metric, paired, draw) for name, group in named.items()],
        versus=[] if paired is None else _all_versus(paired, draw),
        baselines={
            name: baseline.get(metric)
            for name, baseline in results[0].report.get("baselines", {}).items()
        },
        slices={} if paired is None else {n: int(m.sum()) for n, m in paired.slices.items()},
    )


@dataclass(frozen=True)
class _Paired:
    """The metric of each test event for each group, averaged over seeds, with users and slices.

    Attributes:
        values: the metric by group.
        among_cold: the metric by group where cold items alone are ranked, NaN for warm targets.
        users: the user of each event.
        slices: the events of each slice.
    """

    values: dict[str, Float[np.ndarray, " N"]]
    among_cold: dict[str, Float[np.ndarray, " N"]]
    users: Shaped[np.ndarray, " N"]
    slices: dict[str, Bool[np.ndarray, " N"]]

    @classmethod
    def of(cls, named: dict[str, list[Result]], targets: pl.DataFrame, metric: str) -> "_Paired":
        values = {name: _per_event(group, metric) for name, group in named.items()}
        slices, alone = slices_of(targets), dict[str, np.ndarray]()
        tables = [run.targets for group in named.values() for run in group]
        if all(table is not None and ranks_cold(table) for table in tables):
            alone = {name: _per_event(group, metric, AMONG_COLD) for name, group in named.items()}
            slices[COLD_ALONE] = targets[AMONG_COLD].is_not_null().to_numpy()
        return cls(values, alone, targets["user_id"].to_numpy(), slices)

    def on(self, name: str, part: str) -> Float[np.ndarray, " M"]:
        """Return the metric of a group for the events of a slice."""
        values = self.among_cold if part == COLD_ALONE else self.values
        found: np.ndarray = values[name][self.slices[part]]
        return found

    @property
    def several_users(self) -> bool:
        return len(np.unique(self.users)) > 1


def _per_event(
    group: Sequence[Result], metric: str, column: str = "rank"
) -> Float[np.ndarray, " N"]:
    """Return the metric of each test event, averaged over the RUNs of a group."""
    tables = [(run, run.targets) for run in group if run.targets is not None]
    each = [
        metric_of_targets(targets, metric, run.report.get("items"), column)
        for run, targets in tables
    ]
    means: np.ndarray = np.mean(each, 0)
    return means


def _group(
    name: str,
    runs: Sequence[Result],
    metric: str,
    paired: _Paired | None,
    draw: dict[str, Any],
) -> Group:
    over_users, slices = None, {}
    if paired is not None:
        events = paired.values[name]
        slices = {part: float(paired.on(name, part).mean()) for part in paired.slices}
        if paired.several_users:
            over_users = cluster_bootstrap(events, paired.users, **draw)
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
        over_seeds=seed_interval(values, level=draw["level"]) if len(values) > 1 else None,
        over_users=over_users,
        metrics=metrics,
        slices=slices,
        curves=[run.report.get("training", {}).get("valid_curve", []) for run in runs],
    )


def _value(run: Result, metric: str) -> float:
    if run.targets is not None:
        return float(metric_of_targets(run.targets, metric, run.report.get("items")).mean())
    if metric not in run.report["test"]:
        raise ValueError(
            f"metric must be in the report of {run.name}, which has no targets.parquet; got "
            f"{metric!r}"
        )
    return float(run.report["test"][metric])


def _all_versus(paired: _Paired, draw: dict[str, Any]) -> list[Versus]:
    first, *others = paired.values
    found = [_versus(name, first, paired, draw) for name in others]
    corrected = holm([one.difference.p for one in found])
    return [replace(one, holm=p) for one, p in zip(found, corrected, strict=True)]


def _versus(name: str, first: str, paired: _Paired, draw: dict[str, Any]) -> Versus:
    values, reference, users = paired.values[name], paired.values[first], paired.users
    return Versus(
        name=name,
        difference=paired_bootstrap(values, reference, users, **draw),
        holm=1.0,  # replaced once all p-values are known
        wilcoxon=paired_test(values, reference, users).p if paired.several_users else None,
        slices={
            part: paired_bootstrap(
                paired.on(name, part), paired.on(first, part), users[mask], **draw
            )
            for part, mask in paired.slices.items()
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
        bounds = value._asdict()  # infinite for a single user, which JSON lacks
        return {key: number if np.isfinite(number) else None for key, number in bounds.items()}
    if isinstance(value, dict):
        return {key: _named(inner) for key, inner in value.items()}
    return value
