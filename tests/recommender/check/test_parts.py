import polars as pl

from mmrec.recommender import Options


def test_few_targets(data):
    data.events = data.events[:600]
    assert data.found()["few_targets"].count == 60


def test_cold_targets(data):
    late = pl.int_range(1200) >= 1190
    data.items = pl.concat([data.items, data.items[:1].with_columns(item_id=pl.lit("new"))])
    data.items = data.items.with_columns(title="lamp " + pl.col("item_id"))
    data.events = data.events.with_columns(
        item_id=pl.when(late).then(pl.lit("new")).otherwise("item_id")
    )
    finding = data.found()["cold_targets"]
    assert (finding.count, finding.severity) == (10, "note")


def test_new_users(data):
    late = pl.int_range(1200) >= 1140
    data.events = data.events.with_columns(
        user_id=pl.when(late).then("n" + pl.col("user_id")).otherwise("user_id")
    )
    finding = data.found()["new_users"]
    assert (finding.count, finding.severity) == (60, "note")
    assert "50 % of the users in test (60 of 120)" in finding.text


def test_targets_that_lists_leave_out(data):
    """Each item is liked after it was viewed."""
    viewed = data.events.with_columns(event=pl.lit("view"))
    later = viewed.with_columns(timestamp=pl.col("timestamp") + 1)
    data.events = pl.concat([viewed, later]).sort("timestamp")
    finding = data.found(options=Options(drop_repeats=False))["seen_targets"]
    assert finding.severity == "warning"
    assert "--targets" not in finding.advice  # there is one type alone
    some = pl.int_range(pl.len()) % 8 == 1
    liked = later.with_columns(event=pl.when(some).then(pl.lit("share")).otherwise(pl.lit("like")))
    data.events = pl.concat([viewed, liked]).sort("timestamp")
    assert "--targets share predicts share alone" in data.found()["seen_targets"].advice
    data.events = pl.concat([viewed, liked, liked.with_columns(pl.col("timestamp") + 2)])
    found = data.found(options=Options(targets=("like", "share"), drop_repeats=False))
    assert "--targets" not in found["seen_targets"].advice


def test_likes_that_follow_a_watch_are_named(data):
    """Each tenth watch is followed by a like of its item, which lists leave out then."""
    liked = data.events[9::10].with_columns(pl.col("timestamp") + 1, event=pl.lit("like"))
    watched = data.events.with_columns(event=pl.lit("watch"))
    data.events = pl.concat([watched, liked]).sort("timestamp")
    finding = data.found()["seen_targets"]
    assert finding.text.startswith("9 % of the test targets (12 of 132) are items")
    assert finding.text.endswith("interacted with before (12 of 12 like)")
    said = "If like follows another event on the same item, it is better no target."
    assert said in finding.advice
    assert "--targets like" not in finding.advice
    assert "seen_targets" not in data.found(options=Options(targets=("watch",)))


def test_targets_that_lists_keep_are_no_misses(data):
    """Each item is bought after it was viewed, and purchases are the targets."""
    bought = data.events.with_columns(timestamp=pl.col("timestamp") + 1, event=pl.lit("purchase"))
    viewed = data.events.with_columns(event=pl.lit("view"))
    data.events = pl.concat([viewed, bought]).sort("timestamp")
    found = data.found(options=Options(targets=("purchase",)))
    assert "seen_targets" not in found
    assert found["met_targets"].severity == "note"
    assert "whoever recommends the last items finds them" in found["met_targets"].advice


def test_an_empty_part_is_said_as_fit_says_it(data):
    finding = data.found(options=Options(min_count=500))["split"]
    assert "the time split of 240 events (1200 before min_count) leaves no event in: train" in (
        finding.text
    )
