from dataclasses import replace

import numpy as np
import pytest
import torch

from mmrec.baselines import EASE, ItemKNN, Popularity, RecentPopularity, ease
from mmrec.data import Catalog, Interactions, leave_one_out, split_by_time
from mmrec.evaluation import (
    RankingProtocol,
    baselines,
    evaluate,
    evaluate_baselines,
    known_sequences,
    left_out_baselines,
    rank_targets,
)
from mmrec.evaluation.baselines import Kind, choose, kinds_of
from mmrec.metrics import ndcg

V = 10
CATALOG = Catalog({"item_id": range(1, V + 1)})
ALWAYS = {"popularity", "markov", "item-knn", "ease"}
TIMED = {"recent-popularity", "windowed-popularity"}


def log_of(order="timestamp", count=200, seed=0):
    rng = np.random.default_rng(seed)
    return Interactions(
        {
            "user_id": rng.integers(0, 30, count),
            "item_id": rng.integers(1, V + 1, count),
            order: np.sort(rng.integers(0, 1000, count)),
        }
    )


def split_of(**how):
    return split_by_time(log_of(**how), CATALOG)


@pytest.mark.parametrize(("part", "last"), [("valid", "train"), ("test", "valid")])
def test_baselines_count_what_came_before(part, last):
    split = split_of()
    reports = evaluate_baselines(split, part)
    assert set(reports) == ALWAYS | TIMED
    events = split.until(last)
    popularity = Popularity().fit(events, V)
    assert reports["popularity"] == evaluate(popularity, split, part)
    for name, make in {"item-knn": ItemKNN, "ease": EASE}.items():
        chosen = reports[name].pop("chosen")
        assert reports[name] == evaluate(make(**chosen).fit(events, V), split, part)


def test_popularity_in_time_knows_all_that_came_before_a_request():
    split = split_of()
    report = evaluate_baselines(split)["recent-popularity"]
    chosen = report.pop("chosen")
    recent = RecentPopularity(**chosen).fit(split.sequences, V)
    assert report == evaluate(recent, split)
    assert known_sequences(split, "test") is split.sequences
    held_out = leave_one_out(log_of(), CATALOG)
    assert len(known_sequences(held_out, "test").item) == sum(held_out.part < 2)
    assert len(known_sequences(held_out, "valid").item) == sum(held_out.part == 0)


def test_what_a_log_and_a_catalog_allow_is_measured():
    positions = leave_one_out(log_of("position"), CATALOG)
    assert set(evaluate_baselines(positions)) == ALWAYS
    content = torch.eye(V + 1), torch.arange(V + 1) > 0
    assert set(evaluate_baselines(positions, content=content)) == ALWAYS | {"content-nearest"}


def test_the_validation_part_chooses_nothing():
    reports = evaluate_baselines(split_of(), "valid")
    assert reports["item-knn"]["chosen"] == {"shrink": 10.0, "decay": 0.9}
    assert "chosen" not in reports["markov"]


def test_the_best_on_validation_is_chosen():
    split = split_of(seed=3)
    grid = [{"shrink": s, "decay": d} for s in (0.1, 10.0, 1000.0) for d in (1.0, 0.5, 0.1)]
    found = []
    for settings in grid:
        ranks = rank_targets(ItemKNN(**settings).fit(split.train, V), split, "valid")
        found.append(float(ndcg(ranks.rank, 10).mean()))
    assert len(set(found)) > 1
    assert choose(Kind(ItemKNN, grid), split) == grid[int(np.argmax(found))]


def feed_of(hours, seed=0, count=4000):
    """Events in which another item is popular after each tenth of the time."""
    rng = np.random.default_rng(seed)
    share = np.sort(rng.random(count))
    hot = 1 + (share * 10).astype(int) * 7 % V
    item = np.where(rng.random(count) < 0.8, hot, rng.integers(1, V + 1, count))
    rows = {"user_id": rng.integers(0, count, count), "item_id": item}
    times = 1.6e9 + share * hours * 3600
    return split_by_time(Interactions(rows | {"timestamp": times}), CATALOG)


@pytest.mark.parametrize("name", sorted(TIMED))
def test_a_feed_of_hours_is_counted_in_minutes(name):
    """In a window of days, such a feed is popularity of all time."""
    [chosen] = evaluate_baselines(feed_of(hours=5))[name]["chosen"].values()
    assert chosen < 3600
    kind = kinds_of(feed_of(hours=5), "test", None)[name]
    choices = [next(iter(settings.values())) for settings in kind.settings]
    assert choices[:4] == [7 * 86_400, 86_400, 30 * 86_400, 180 * 86_400]
    assert max(choices[4:]) < 5 * 3600


def test_a_log_of_months_has_the_choices_of_a_trend():
    kind = kinds_of(feed_of(hours=24 * 90), "test", None)["windowed-popularity"]
    assert [s["window"] / 86_400 for s in kind.settings] == [7, 1, 30, 180, 1 / 24, 1 / 4, 3]


@pytest.mark.parametrize("name", sorted(TIMED))
def test_a_feed_of_ten_days_is_counted_in_hours(name):
    """Another item is popular every two hours."""
    rng = np.random.default_rng(0)
    count, hours = 4000, 240
    share = np.sort(rng.random(count))
    hot = 1 + (share * hours / 2).astype(int) * 7 % V
    item = np.where(rng.random(count) < 0.8, hot, rng.integers(1, V + 1, count))
    rows = {"user_id": rng.integers(0, count, count), "item_id": item}
    log = Interactions(rows | {"timestamp": 1.6e9 + share * hours * 3600})
    report = evaluate_baselines(split_by_time(log, CATALOG))[name]
    assert list(report["chosen"].values()) == [3600]


@pytest.mark.parametrize("name", sorted((ALWAYS | TIMED) - {"popularity", "markov"}))
def test_test_events_change_no_choice(name):
    split = split_of(seed=5)
    item = split.sequences.item.copy()
    item[split.targets("test")] = 1
    other = replace(split, sequences=replace(split.sequences, item=item))
    kinds = [baselines.kinds_of(data, "test", None)[name] for data in (split, other)]
    assert choose(kinds[0], split) == choose(kinds[1], other)


def test_a_choice_follows_the_protocol_and_reads_a_sample(monkeypatch):
    called = {}

    def ranked(scorer, split, part, **how):
        called.update(how, part=part)
        return rank_targets(scorer, split, part, **how)

    monkeypatch.setattr(baselines, "rank_targets", ranked)
    monkeypatch.setattr(baselines, "MAX_VALID", 7)
    rules = RankingProtocol(filter_seen=False, targets="all", max_length=3)
    choose(Kind(ItemKNN, [{"shrink": 1.0}, {"shrink": 2.0}]), split_of(), rules)
    expected = {"filter_seen": False, "targets": "all", "max_length": 3, "at_most": 7}
    assert called == expected | {"part": "valid"}


def test_ease_of_too_many_is_left_out_with_a_reason(monkeypatch):
    split = split_of()
    assert left_out_baselines(split) == {}
    for module in (ease, baselines):
        monkeypatch.setattr(module, "MAX_SIDE", 3)
    assert "at most 3 of either" in left_out_baselines(split)["ease"]
    assert "ease" not in evaluate_baselines(split)


def test_a_long_choice_of_ease_is_left_out(monkeypatch):
    monkeypatch.setattr(baselines, "MAX_CHOICE", 3)
    assert evaluate_baselines(split_of())["ease"]["chosen"]["l2"] == 100.0


def test_there_is_nothing_before_the_training_part():
    with pytest.raises(ValueError, match=r"part must be one of \['test', 'valid'\]; got 'train'"):
        evaluate_baselines(split_of(), "train")
