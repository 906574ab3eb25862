import numpy as np
import pytest
import torch

from mmrec.data import Catalog, EventRules, Interactions, leave_one_out, split_by_time
from mmrec.evaluation import (
    ItemFacts,
    RankingProtocol,
    describe_split,
    evaluate,
    rank_targets,
    summarize,
)

V = 10
CATALOG = Catalog({"item_id": range(1, V + 1)})


def split_of(count=200, seed=0):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, 1000, count))
    # The items 9 and 10 come late: cold in the training part.
    items = np.where(
        times < times[count * 8 // 10], rng.integers(1, 9, count), rng.integers(1, 11, count)
    )
    log = Interactions(
        {"user_id": rng.integers(0, 30, count), "item_id": items, "timestamp": times}
    )
    return split_by_time(log, CATALOG)


class Descending:
    """Item 10 first, item 1 last."""

    def scores(self, histories):
        return torch.arange(V + 1.0).expand(len(histories), -1)


def test_evaluate_parts_add_up():
    split = split_of()
    report = evaluate(Descending(), split)
    ranks = rank_targets(Descending(), split)
    trained = split.train_counts > 0
    assert {key: report[key] for key in summarize(ranks, V)} == summarize(ranks, V)
    assert report["with_seen"] == summarize(rank_targets(Descending(), split, filter_seen=False), V)
    warm, cold = report["warm"], report["cold"]
    assert cold["targets"] == sum(not trained[target] for target in ranks.target.tolist()) > 0
    assert warm["targets"] + cold["targets"] == report["targets"] == len(split.targets("test"))
    for name in ("hr@10", "ndcg@20", "mrr@10"):
        total = warm["targets"] * warm[name] + cold["targets"] * cold[name]
        assert total / report["targets"] == pytest.approx(report[name])


def test_cold_items_among_one_another():
    """Of the two cold items, 10 is always the first; the other one is second, or first if 10 is
    filtered."""
    split = split_of(1000)
    report = evaluate(Descending(), split)["among_cold"]
    events, expected = split.sequences, []
    for at in split.targets("test"):
        start = events.offsets[np.searchsorted(events.offsets, at, side="right") - 1]
        seen = set(events.item[start:at].tolist())
        if (target := int(events.item[at])) >= 9:
            better = {9, 10} - seen - set(range(target))
            expected.append(0.0 if target in seen else 1 / np.log2(1 + len(better)))
    assert report["targets"] == len(expected) > 10
    assert report["ndcg@10"] == pytest.approx(np.mean(expected))
    one = split_by_time(
        Interactions({"user_id": ["u"] * 10, "item_id": [1] * 9 + [2], "timestamp": range(10)}),
        CATALOG,
    )
    assert evaluate(Descending(), one)["among_cold"]["targets"] == 1  # eight others are cold too
    log = Interactions({"user_id": [*"uv"] * 5, "item_id": [1, 2] * 5, "timestamp": range(10)})
    assert "among_cold" not in evaluate(Descending(), split_by_time(log, CATALOG))


def test_cold_items_among_one_another_follow_the_protocol():
    split = split_of(1000)
    last = RankingProtocol(targets="last")
    report = evaluate(Descending(), split, protocol=last)
    assert report["among_cold"]["targets"] == report["cold"]["targets"] > 0
    assert "among_cold" not in evaluate(
        Descending(), split, protocol=RankingProtocol(targets="all")
    )
    cold = np.array([9, 10])
    with pytest.raises(ValueError, match="each with its own history"):
        rank_targets(Descending(), split, targets="all", among=cold)
    with pytest.raises(ValueError, match="on the items that are ranked; 'train' has none"):
        rank_targets(Descending(), split, "train", among=cold)


def test_cold_share_counts_shown_items_only():
    split = split_of()
    report = evaluate(Descending(), split)
    shown = [i for row in rank_targets(Descending(), split).top.tolist() for i in row if i]
    cold = [item for item in shown if split.train_counts[item] == 0]
    assert report["cold_share@10"] == pytest.approx(len(cold) / len(shown))
    assert 0 < report["cold_share@10"] < 1


def test_targets_without_a_history_are_counted():
    split = split_of()
    first = set(split.sequences.offsets[:-1].tolist())
    expected = sum(target in first for target in split.targets("test").tolist())
    assert evaluate(Descending(), split)["no_history"] == expected


def seen_before(split):
    """Count test targets by a loop over the events of each user."""
    events, tests = split.sequences, set(split.targets("test").tolist())
    count = 0
    for start, stop in zip(events.offsets[:-1], events.offsets[1:], strict=True):
        items = events.item[start:stop].tolist()
        count += sum(
            place + start in tests and item in items[:place] for place, item in enumerate(items)
        )
    return count


def test_describe_split():
    split = split_of()
    description = describe_split(split)
    assert description["fingerprint"] == split.fingerprint
    assert description["split"] == "time"
    assert description["split_options"]["valid"] == 0.8
    assert sum(description["events"].values()) == 200
    assert description["users"] == len(split.sequences)
    assert description["candidates"] == V
    assert description["seen_targets"] == seen_before(split)
    assert description["seen_targets_by_type"] == {
        "": {"targets": description["events"]["test"], "seen": seen_before(split)}
    }
    log = Interactions({"user_id": ["u"] * 4, "item_id": [1, 2, 3, 3], "position": range(4)})
    assert describe_split(leave_one_out(log, CATALOG))["candidates"] == 3


def test_slices_are_parts_of_the_whole():
    split = split_of()
    report = evaluate(Descending(), split)
    slices = report["slices"]
    assert slices["warm items"] == report["warm"]
    assert slices["cold items"] == report["cold"]
    histories = [slices[name] for name in slices if "histories" in name or "first" in name]
    assert len(histories) > 1
    assert sum(part["targets"] for part in histories) == report["targets"]
    total = sum(part["targets"] * part["ndcg@10"] for part in histories)
    assert total / report["targets"] == pytest.approx(report["ndcg@10"])


def test_a_report_follows_its_protocol():
    split = split_of()
    rules = RankingProtocol(targets="last", ks=(3,), filter_seen=False)
    report = evaluate(Descending(), split, protocol=rules)
    assert report["targets"] == len(np.unique(split.sequences.owner[split.targets("test")]))
    assert "ndcg@3" in report
    assert "ndcg@10" not in report
    ranks = rank_targets(Descending(), split, targets="last", filter_seen=False)
    assert report["ndcg@3"] == summarize(ranks, V, (3,))["ndcg@3"]
    seen = rank_targets(Descending(), split, targets="last")
    assert report["without_seen"] == summarize(seen, V, (3,))
    everything = evaluate(Descending(), split, protocol=RankingProtocol(targets="all"))
    assert everything["lists"] == report["targets"]
    assert everything["slices"]["warm items"]["lists"] <= everything["lists"]


def test_items_add_what_needs_them():
    split = split_of()
    items = ItemFacts(torch.eye(V + 1), None, {"image": np.arange(V + 1) % 2 == 0})
    report = evaluate(Descending(), split, items=items)
    assert report["diversity@10"] == pytest.approx(1)
    pair = [report["slices"][f"items {word} an image"]["targets"] for word in ("with", "without")]
    assert sum(pair) == report["targets"]
    assert "miscalibration@10" not in report


def test_a_filtered_target_is_a_miss_at_every_cut_off():
    split = split_of()
    ranks = rank_targets(Descending(), split)
    missed = ranks.rank.gt(V).float().mean().item()
    assert missed > 0
    assert summarize(ranks, V, (1000,))["hr@1000"] == pytest.approx(1 - missed)


def shop_split(targets=("purchase",), new=True):
    """Each user views item after item, and buys the last one or, at the end, one never viewed."""
    rows = []
    for user in range(20):
        for step in range(5):
            item = (user + 2 * step) % V + 1
            rows += [(user, item, "view", 10 * step + user / 2)]
            bought = item if step < 4 or user % 2 or not new else (user + 1) % V + 1
            rows += [(user, bought, "purchase", 10 * step + 0.2 + user / 2)]
    names = ("user_id", "item_id", "event", "timestamp")
    log = Interactions(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    return split_by_time(EventRules(targets).apply(log)[0], CATALOG)


def test_targets_that_are_new_to_their_user_are_ranked_without_met_items():
    split = shop_split()
    report, events, expected = evaluate(Descending(), split), split.sequences, []
    for at in split.targets("test"):
        before = set(events.item[events.offsets[events.owner[at]] : at].tolist())
        if (target := events.item[at]) not in before:
            others = set(range(1, V + 1)) - before
            expected.append(1 + sum(item > target for item in others))
    assert 0 < len(expected) < report["targets"]
    found = report["new_to_user"]
    assert found["targets"] == len(expected)
    assert found["mrr@10"] == pytest.approx(np.mean([1 / rank for rank in expected]))
    with pytest.raises(ValueError, match="new_to_user expects targets 'per-step' or 'last'"):
        rank_targets(Descending(), split, targets="all", new_to_user=True)


def test_where_all_targets_are_met_there_are_no_new_ones():
    report = evaluate(Descending(), shop_split(new=False))
    assert report["new_to_user"] == {"targets": 0}
    assert report["targets"] > 0


def test_there_is_no_row_of_its_own_where_lists_leave_out_all_that_was_met():
    assert "new_to_user" not in evaluate(Descending(), shop_split(("view", "purchase")))
    assert "new_to_user" not in evaluate(Descending(), split_of())
    everything = RankingProtocol(filter_seen=False)
    assert "new_to_user" not in evaluate(Descending(), shop_split(), protocol=everything)
