import json
import sys
from dataclasses import replace
from math import log2

import numpy as np
import polars as pl
import pytest

from mmrec.evaluation.comparison import compare_runs, slices_of
from mmrec.evaluation.results import Result
from mmrec.evaluation.statistics import (
    cluster_bootstrap,
    holm,
    paired_bootstrap,
    paired_test,
    seed_interval,
)

N, V = 120, 50
rng = np.random.default_rng(0)
USERS = [f"u{user}" for user in rng.integers(0, 15, N)]
HISTORY, WARM, IMAGE = rng.integers(0, 25, N), rng.random(N) < 0.8, rng.random(N) < 0.5


def run(name, seed=0, better=0.0, *, targets=True, **options):
    """A RUN whose ranks are drawn, the lower the better it is."""
    draw = np.random.default_rng([seed, len(options)])
    ranks = np.clip(draw.geometric(0.05 + better, N), 1, V + 1)
    gains = [1 / log2(1 + rank) if rank <= 10 else 0 for rank in ranks]
    report = {
        "fingerprint": "s",
        "protocol": {"fingerprint": "p"},
        "split": "time",
        "events": {"test": N},
        "test": {"targets": N, "ndcg@10": float(np.mean(gains)), "coverage@10": 0.5 + seed},
        "baselines": {"markov": {"ndcg@10": 0.1}, "popularity": {"ndcg@10": 0.05}},
        "training": {"valid_curve": [0.1, 0.3, 0.2], "best_epoch": 2},
    }
    frame = pl.DataFrame(
        {
            "user_id": USERS,
            "item_id": ["i"] * N,
            "position": np.arange(N),
            "rank": ranks,
            "history": HISTORY,
            "warm": WARM,
            "has_image": IMAGE,
        }
    )
    return Result(name, report, {"seed": seed, **options}, frame if targets else None)


def gains(results, k=10):
    """NDCG@k of each event, averaged over RUNs, by the formula."""
    table = [
        [1 / log2(1 + rank) if rank <= k else 0 for rank in result.targets["rank"]]
        for result in results
    ]
    return np.array(table).mean(0)


A = [run("a0", 0, dim=8), run("a1", 1, dim=8), run("a2", 2, dim=8)]
B = [run("b0", 0, 0.25, dim=16), run("b1", 1, 0.25, dim=16)]
C = [run("c0", 5, 0.01, dim=32)]


def test_seeds_are_one_row():
    comparison = compare_runs([A[0], B[0], A[1], A[2], B[1]], samples=500)
    assert [group.name for group in comparison.groups] == ["dim 8", "dim 16"]
    for group, results in zip(comparison.groups, (A, B), strict=True):
        values = [result.report["test"]["ndcg@10"] for result in results]
        assert group.runs == [result.name for result in results]
        assert group.seeds == list(range(len(results)))
        assert group.values == pytest.approx(values)
        assert group.mean == pytest.approx(np.mean(values))
        assert group.over_seeds == pytest.approx(seed_interval(values))
        expected = cluster_bootstrap(gains(results), np.array(USERS), samples=500)
        assert group.over_users == pytest.approx(expected)
        assert group.metrics["coverage@10"] == pytest.approx(0.5 + np.mean(group.seeds))
        assert group.curves == [[0.1, 0.3, 0.2]] * len(results)
    assert comparison.baselines == {"markov": 0.1, "popularity": 0.05}
    assert comparison.facts["test_users"] == len(set(USERS))


def test_differences_from_the_first_are_paired_by_user():
    comparison = compare_runs([*A, *B, *C], samples=800, seed=3)
    first, users = gains(A), np.array(USERS)
    assert [versus.name for versus in comparison.versus] == ["dim 16", "dim 32"]
    for versus, results in zip(comparison.versus, (B, C), strict=True):
        values = gains(results)
        expected = paired_bootstrap(values, first, users, samples=800, seed=3)
        assert versus.difference == pytest.approx(expected)
        assert versus.wilcoxon == pytest.approx(paired_test(values, first, users).p)
        cold = paired_bootstrap(values[~WARM], first[~WARM], users[~WARM], samples=800, seed=3)
        assert versus.slices["cold items"] == pytest.approx(cold)
    raw = [versus.difference.p for versus in comparison.versus]
    assert [versus.holm for versus in comparison.versus] == holm(raw)
    planted, chance = comparison.versus
    assert planted.difference.low > 0
    assert planted.holm < 0.05
    assert chance.holm > 0.05


def test_the_order_of_rows_does_not_matter():
    shuffled = [
        Result(r.name, r.report, r.options, r.targets.sample(fraction=1.0, shuffle=True, seed=1))
        for r in (*A, *B)
    ]
    # As `read_result` does.
    again = [Result(r.name, r.report, r.options, r.targets.sort("position")) for r in shuffled]
    assert compare_runs(again, samples=50) == compare_runs([*A, *B], samples=50)


def test_another_cut_off_comes_from_the_ranks():
    comparison = compare_runs(B, metric="ndcg@3", samples=50)
    assert comparison.groups[0].mean == pytest.approx(gains(B, 3).mean())
    assert comparison.baselines == {"markov": None, "popularity": None}


def test_slices_partition_the_events():
    masks = slices_of(A[0].targets)
    names = list(masks)
    assert len(names) == 7
    for parts in (names[:2], names[2:5], names[5:]):
        assert (sum(masks[name].astype(int) for name in parts) == 1).all()
    assert masks["first events"].tolist() == (HISTORY == 0).tolist()
    assert masks["short histories (1 to 9)"].sum() == sum(0 < h < 10 for h in HISTORY)
    everything = A[0].targets.with_columns(warm=True, has_image=pl.lit(None, pl.Boolean))
    assert len(slices_of(everything)) == 3


def test_slices_of_a_group():
    comparison = compare_runs(B, samples=50)
    (group,) = comparison.groups
    assert group.slices["cold items"] == pytest.approx(gains(B)[~WARM].mean())
    assert comparison.slices["cold items"] == (~WARM).sum()
    assert comparison.versus == []


def test_cold_items_among_one_another():
    """They are compared by ranks of their own; RUNs without these have no such slice."""

    def with_ranks(result, rank):
        alone = pl.Series("rank_among_cold", [None if warm else rank for warm in WARM], pl.Int64)
        return replace(result, targets=result.targets.with_columns(alone))

    runs = [with_ranks(A[0], 3), with_ranks(A[1], 1), with_ranks(B[0], 1)]
    comparison = compare_runs(runs, samples=50)
    name = "cold items among one another"
    assert [group.slices[name] for group in comparison.groups] == [pytest.approx(0.75), 1.0]
    assert comparison.versus[0].slices[name].mean == pytest.approx(0.25)
    assert comparison.slices[name] == (~WARM).sum()
    assert name not in compare_runs([*runs, A[2]], samples=50).slices


def test_one_run_has_no_interval_over_seeds(monkeypatch):
    (group,) = compare_runs(C, samples=50).groups
    assert group.over_seeds is None
    assert group.over_users.low < group.mean < group.over_users.high
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r"mmrec\[compare\]"):
        compare_runs(A, samples=50)


def test_without_targets_there_are_means_alone():
    old = run("old", 0, 0.1, targets=False, dim=4)
    comparison = compare_runs([*A, old], samples=50)
    assert comparison.groups[1].mean == old.report["test"]["ndcg@10"]
    assert all(group.over_users is None for group in comparison.groups)
    assert (comparison.versus, comparison.slices) == ([], {})
    with pytest.raises(ValueError, match=r"old, which has no targets.parquet; got 'ndcg@3'"):
        compare_runs([old], metric="ndcg@3")


def test_json_is_complete():
    comparison = compare_runs([*A, *B], samples=50)
    values = json.loads(json.dumps(comparison.to_dict()))
    assert values["groups"][0]["over_users"].keys() == {"mean", "low", "high"}
    assert values["versus"][0]["difference"]["p"] == comparison.versus[0].difference.p
    assert values["versus"][0]["slices"]["cold items"].keys() == {"mean", "low", "high", "p"}


def test_bad_input():
    with pytest.raises(ValueError, match="one RUN or more; got none"):
        compare_runs([])
    with pytest.raises(ValueError, match="metric must be one of"):
        compare_runs(A, metric="auc")
    with pytest.raises(ValueError, match="got the same for a0 and a0"):
        compare_runs([A[0], A[0]])
