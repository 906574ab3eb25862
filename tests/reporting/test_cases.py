import numpy as np
import polars as pl
import pytest

from mmrec.recommender.pipeline.data import split_again
from mmrec.reporting import draw_targets, read_cases, worst_targets


@pytest.fixture(scope="module")
def table():
    """Ranks of 40 users with up to 6 targets each."""
    rng = np.random.default_rng(3)
    users = np.sort(rng.integers(40, size=160))
    return pl.DataFrame(
        {
            "user_id": [f"u{user}" for user in users],
            "item_id": rng.integers(20, size=160),
            "position": np.arange(160),
            "rank": rng.integers(1, 52, size=160),
            "history": rng.integers(0, 5, size=160),
        }
    )


def test_drawn_users_differ_and_hits_come_first(table):
    drawn = draw_targets(table, 8, 0)
    assert drawn["user_id"].n_unique() == 8
    hits = (drawn["rank"] <= 10).to_list()
    assert hits == sorted(hits, reverse=True)
    assert sum(hits) == 4
    for row in drawn.to_dicts():
        own = table.filter((pl.col("user_id") == row["user_id"]) & (pl.col("history") > 0))
        assert row["position"] == own["position"].max()
    assert drawn.equals(draw_targets(table, 8, 0))
    assert not drawn.equals(draw_targets(table, 8, 1))


def test_a_draw_of_more_than_there_are_has_all_of_them(table):
    known = table.filter(pl.col("history") > 0)["user_id"].n_unique()
    assert len(draw_targets(table, 1000, 0)) == known
    assert len(draw_targets(table.filter(pl.col("rank") > 10), 4, 0)) == 4
    assert len(draw_targets(table, 0, 0)) == 0


def test_the_worst_are_of_different_users_and_items(table):
    worst = worst_targets(table, 5, items=50)
    assert worst["user_id"].n_unique() == worst["item_id"].n_unique() == 5
    ranks = worst["rank"].to_list()
    assert ranks == sorted(ranks, reverse=True)
    possible = table.filter((pl.col("rank") <= 50) & (pl.col("history") > 0))
    assert ranks[0] == possible["rank"].max()
    # A loop that takes the worst event, then the worst of those that share neither with it.
    left, found = possible.sort("rank", "position", descending=[True, False]).to_dicts(), []
    while left and len(found) < 1:
        found.append(left.pop(0)["position"])
    assert worst["position"][0] == found[0]


def test_a_case_is_what_happened_before_the_target(small_shop):
    made, split = small_shop.recommender, small_shop.split
    rows = draw_targets(made.targets, 10, 0)
    log = small_shop.dataset.interactions.frame
    for row, case in zip(rows.to_dicts(), read_cases(made, split, rows, items=60), strict=True):
        events = log.filter(pl.col("user_id") == row["user_id"])["item_id"].to_list()
        assert case.user == row["user_id"]
        assert case.events == row["history"]
        assert [visit.item for visit in case.history] == events[: case.events][-9:]
        assert case.upcoming.item == row["item_id"] == events[case.events]
        assert len(case.listed) == 10


def test_the_rank_of_a_case_is_its_place_in_the_whole_list(small_shop):
    """The lists of the page and the ranks of the measurement are made in two ways."""
    made, split = small_shop.recommender, small_shop.split
    rows = draw_targets(made.targets, 12, 1)
    hits = 0
    for case in read_cases(made, split, rows, items=60, k=60):
        order = [line.item for line in case.listed]
        assert case.rank == order.index(case.upcoming.item) + 1
        hits += case.rank <= 10
    assert 0 < hits < 12


def test_an_item_that_was_filtered_out_has_no_rank(fit, chain):
    log = {"users": 20, "items": 6}  # after six events, every item is a repeat
    made = fit(log=log, epochs=1)
    split = split_again(made.state, chain(**log)[0])
    seen = made.targets.filter(pl.col("rank") > 6).head(3)
    assert len(seen) == 3
    assert worst_targets(seen, 3, items=6).is_empty()
    for case in read_cases(made, split, seen, items=6):
        assert case.rank is None
        assert case.upcoming.item not in [line.item for line in case.listed]
