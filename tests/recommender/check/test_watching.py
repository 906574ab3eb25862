import polars as pl

from mmrec.recommender import Options

KINDS = {"times_below_zero", "longer_than_item", "division_by_zero"}


def watched(data, seconds, **columns):
    """Give all events a time of 30, and the first ones others."""
    rest = [30] * (1200 - len(seconds))
    data.events = data.events.with_columns(watch_seconds=pl.Series([*seconds, *rest]))
    data.events = data.events.with_columns(**columns)


def test_times_that_cannot_be_are_counted(data):
    watched(data, [-50, 99999, 91, 90, -1, None, 0], duration=pl.lit(60))
    found = data.found()
    below, longer = found["times_below_zero"], found["longer_than_item"]
    assert below.text == "2 values of watch_seconds of the events are below 0"
    assert (below.count, below.examples) == (2, ("-50.0", "-1.0"))
    assert longer.text == (
        "2 values of watch_seconds are more than 1.5 times the duration of their items"
    )
    assert (longer.count, longer.examples) == (2, ("99999.0", "91.0"))


def test_the_duration_may_be_one_of_the_items_and_texts_are_numbers(data):
    watched(data, [])
    data.items = data.items.with_columns(duration=pl.lit("60"))
    assert not KINDS & set(data.found())
    data.set_items([0], duration="19")
    assert data.found()["longer_than_item"].count == 30


def test_a_rule_that_divides_by_zero_is_named(data):
    watched(data, [], duration=pl.Series([0, 0, 0, -5] + [60] * 1196))
    rule = "not (watch_seconds / duration >= 0.2)"
    found = data.found(options=Options(negative=(rule,)))
    assert found["division_by_zero"].text == (
        f"the rule {rule!r} divides by duration, which is 0 in 3 events"
    )
    assert found["times_below_zero"].text == "1 value of duration of the events is below 0"
    assert found["longer_than_item"].count == 3
    assert "division_by_zero" not in data.found(options=Options(negative=("duration = 0",)))


def test_shares_and_ratings_are_no_times(data):
    columns = {"watch_ratio": pl.lit(2.5), "score": pl.lit(-3), "duration": pl.lit(1)}
    data.events = data.events.with_columns(**columns, sentiment=pl.lit(-1), play_delta=pl.lit(-1))
    assert not KINDS & set(data.found())


def test_durations_by_other_names_are_looked_at(data):
    seconds = pl.Series(["-2", "-0.5", ""] + ["4"] * 1197)
    data.events = data.events.with_columns(dwell_s=seconds, hours=-pl.int_range(1200))
    below = data.found()["times_below_zero"]
    assert below.text == "2 values of dwell_s of the events are below 0"
    assert below.examples == ("-2.0", "-0.5")
