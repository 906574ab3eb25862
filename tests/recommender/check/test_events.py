import polars as pl
import pytest

from mmrec.recommender import Options
from mmrec.recommender.check.events import unusable_events


def test_copied_events(data):
    data.events = pl.concat([data.events, data.events[:7]]).sort("timestamp")
    finding = data.found()["copied_events"]
    assert (finding.count, finding.severity) == (7, "warning")


def test_events_that_differ_in_one_column_are_no_copies(data):
    more = data.events[:7].with_columns(event=pl.lit("purchase"))
    data.events = pl.concat([data.events, more])
    assert "copied_events" not in data.found()


@pytest.mark.parametrize(("tied", "severity"), [(2, "note"), (300, "warning")])
def test_ties_within_a_user(data, tied, severity):
    data.set_events(tied, user_id="u1", timestamp=1_700_000_000)
    finding = data.found()["tied_times"]
    assert (finding.count, finding.severity) == (tied, severity)


def test_ties_of_different_users_are_none(data):
    data.set_events(60, timestamp=1_700_000_000)
    assert "tied_times" not in data.found()


def test_all_events_within_one_second(data):
    data.events = data.events.with_columns(timestamp=1_700_000_000 + pl.int_range(1200) / 2400)
    finding = data.found(options=Options(split="leave-one-out"))["one_time"]
    assert finding.count == 1200


def test_times_before_1980_and_in_the_future(data):
    data.set_events(5, timestamp=9)
    # Events are a minute apart, and a clock may be a day wrong.
    latest = data.events["timestamp"].max()
    found = data.found(now=latest - 86_400.0 - 90.0)
    assert found["early_times"].count == 5
    assert found["future_times"].count == 2
    assert "2 events of 1,200 are in the future" in found["future_times"].text
    found = data.found(now=latest - 86_400.0 - 30.0)
    assert "1 event of 1,200 is in the future" in found["future_times"].text


def test_spellings_of_event_types(data):
    data.set_events(2, event="View")
    data.set_events(1, event="VIEW ")
    finding = data.found()["event_spellings"]
    assert finding.count == 3
    assert finding.examples == ("'VIEW '", "'View'", "'view'")


def test_events_without_a_type(data):
    data.set_events(4, event=None)
    assert data.found()["event_without_type"].count == 4


def test_a_bot(data):
    data.set_events(700, user_id="bot")
    finding = data.found()["bots"]
    assert finding.count == 1
    assert "58 % of the events" in finding.text
    assert finding.examples == ()


def test_few_users_are_no_bots(data):
    """Of ten users, each has 10 % of the events."""
    data.events = data.events.with_columns(user_id=pl.int_range(1200) % 10)
    assert "bots" not in data.found()


def test_all_events_of_one_user(data):
    data.set_events(1200, user_id="u1")
    found = data.found()
    assert found["one_user"].count == 1200
    assert "bots" not in found


def test_one_item_with_most_events(data):
    data.events = data.events.with_columns(
        item_id=pl.when(pl.int_range(1200) % 3 > 0).then(pl.lit("i5")).otherwise("item_id")
    )
    finding = data.found()["one_item"]
    assert finding.count > 800
    assert finding.examples == ("'i5'",)


@pytest.mark.parametrize("written", ["unix", "iso"])
def test_events_before_their_item_began(data, written):
    # Item 3 begins after its first two events, the others with the log.
    own = data.events.filter(pl.col("item_id") == "i3")["timestamp"]
    began = [data.events["timestamp"].min()] * 40
    began[3] = own[2]
    column = pl.Series(began)
    if written == "iso":
        column = pl.from_epoch(column).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    data.items = data.items.with_columns(created_at=column)
    found = data.found()
    assert found["before_created"].count == 2
    assert found["before_created"].examples == ("'i3'",)
    assert "unused_columns_items" not in found  # the age of items reads it


def test_items_without_the_time_at_which_they_began(data):
    began = [int(data.events["timestamp"].min())] * 38 + [None, None]
    data.items = data.items.with_columns(created_at=pl.Series(began))
    finding = data.found()["undated_items"]
    assert (finding.count, finding.examples) == (2, ("'i38'", "'i39'"))
    assert finding.text.startswith("2 of 40 items have no created_at: their age counts from")
    assert "undated_items" not in data.found(options=Options(trend=False))
    data.items = data.items.drop("created_at")
    assert "undated_items" not in data.found()


def test_unused_signals_and_rules(data):
    data.events = data.events.with_columns(rating=pl.int_range(1200) % 5 + 1, shelf=pl.lit(1))
    found = data.found()
    assert "'rating' of the events is not used" in found["unused_signal"].text
    assert "--negative 'rating <= 2' or --targets 'rating >= 4'" in found["unused_signal"].advice
    assert found["unused_columns_interactions"].text.endswith(": shelf")
    data.events = data.events.with_columns(event=pl.lit("hated"))
    found = data.found(options=Options(negative=("rating <= 2", "shelf = 7", "hate")))
    assert not {"unused_signal", "unused_columns_interactions"} & set(found)
    assert found["unmatched_rule"].text == ("no event has the type 'hate' (did you mean 'hated'?)")


def test_a_condition_that_fits_no_event_is_named_as_it_was_written(data):
    data.events = data.events.with_columns(qty=pl.int_range(1200) % 3)
    rules = Options(targets=("cart", "qty>5"), negative=("qty < 0", "qty = 0"))
    said = [one.text for one in data.check(options=rules).findings if one.kind == "unmatched_rule"]
    assert said == ["no event fits the rule 'qty>5'", "no event fits the rule 'qty < 0'"]
    assert "unmatched_rule" not in data.found(options=Options(negative=("qty = 0",)))
    found = data.found(options=Options(negative=("event < 3",)))  # an error that is told once
    assert "unmatched_rule" not in found


def test_rules_that_fit_rows_which_cannot_be_used_are_no_mistake(data):
    data.events = data.events.with_columns(qty=pl.int_range(1200) % 1200)
    data.set_events(3, timestamp=-1)
    data.set_events(2, event="like")
    rules = Options(targets=("like",), negative=("qty = 2",))
    found = data.found(options=rules)
    assert {"table", "unusable_events"} <= set(found)
    assert not {"split", "unmatched_rule"} & set(found)
    found = data.found(options=Options(targets=("like", "share")))
    assert found["split"].text == (
        "targets and weights name the event types ['share']; got ['cart', 'like', 'view']"
    )


def test_a_suggestion_keeps_the_rules_that_were_given(data):
    data.set_events(100, event="skip")
    data.events = data.events.with_columns(rating=pl.int_range(1200) % 5 + 1)
    report = data.check(options=Options(negative=("skip",)))
    [finding] = [one for one in report.findings if one.kind == "unused_signal"]
    assert "--negative 'skip, rating <= 2' or --targets 'rating >= 4'" in finding.advice
    hints = {one["column"]: one["hint"] for one in report.used["unused"]["interactions"]}
    assert "--negative 'skip, rating <= 2'" in hints["rating"]
    report = data.check(options=Options(negative=("rating <= 2",)))
    assert report.used["events"]["roles"]["negative"]["skip"] == 100


def test_a_rule_with_a_column_that_is_not_there(data):
    data.events = data.events.with_columns(duration=pl.lit(5))
    finding = data.found(options=Options(negative=("duratoin < 2",)))["split"]
    assert "['duratoin'] (did you mean 'duration'?)" in finding.text
    assert finding.advice == "Correct the name in the rules of events."


def test_a_time_is_divided_by_the_duration_that_items_have(data):
    data.events = data.events.with_columns(watch_seconds=pl.int_range(1200) % 60)
    data.items = data.items.with_columns(duration=pl.lit(60))
    report = data.check()
    [finding] = [one for one in report.findings if one.kind == "unused_signal"]
    assert "--negative 'watch_seconds / duration < 0.1' or --targets" in finding.advice
    assert finding.advice.endswith(
        " The duration is a column of items: join it to the events first."
    )
    [hint] = [one["hint"] for one in report.used["unused"]["interactions"]]
    assert "'watch_seconds / duration < 0.1'" in hint
    data.events = data.events.with_columns(duration=pl.lit(60))
    assert "join it" not in data.found()["unused_signal"].advice


def test_a_rule_that_reads_a_column_of_items(data):
    data.items = data.items.with_columns(duration=pl.lit(60))
    data.events = data.events.with_columns(watch_seconds=pl.int_range(1200) % 60)
    finding = data.found(options=Options(negative=("watch_seconds / duration < 0.1",)))["split"]
    assert finding.text == (
        "a rule of events must read columns of interactions; ['duration'] is a column of items: "
        "join it to the events, as polars does with "
        "events.join(items.select('item_id', 'duration'), on='item_id', how='left')"
    )
    assert finding.advice == "Write it to the table of events; live events have it in their values."


def test_a_value_that_a_rule_can_not_compare(data):
    watched = [*map(str, range(1199)), "abc"]
    data.events = data.events.with_columns(watch_seconds=pl.Series(watched))
    finding = data.found(options=Options(negative=("watch_seconds < 2",)))["split"]
    assert "it holds 'abc'" in finding.text
    assert finding.advice == "Correct such values, or leave them empty."


def test_roles_and_repeats(data):
    data.set_events(100, event="hide")
    data.events = pl.concat([data.events, data.events[-1:].with_columns(pl.col("timestamp") + 1)])
    events = data.check(options=Options(targets=("cart",))).used["events"]
    assert events["roles"] == {"target": {"cart": 551}, "context": {"view": 550}} | {
        "negative": {"hide": 100}
    }
    assert events["guessed"] == {"negative": ["hide"]}
    assert events["dropped_repeats"] == {"cart": 1}


def test_unknown_items(data):
    data.set_events(3, item_id="nowhere")
    data.set_events(1, timestamp=-5, item_id="i1")
    finding = data.found()["unusable_events"]
    assert finding.count == 3
    assert "2 of them because their items are not in the items" in finding.text


def test_a_type_that_sounds_like_a_no(data):
    data.set_events(300, event="return")
    finding = data.found()["negative_name"]
    assert (finding.count, finding.advice) == (300, "If it is a no, say so: --negative return.")
    assert "'return' sounds like a no (300 events), but counts as a yes" in finding.text
    assert "negative_name" not in data.found(options=Options(negative=("return",)))


@pytest.mark.parametrize(
    ("usable", "unknown", "why"),
    [
        (9, 1, "1 event of 10 can't be used, because its item is not in the items"),
        (
            8,
            2,
            "2 events of 10 can't be used, all of them because their items are not in the items",
        ),
        (8, 1, "2 events of 10 can't be used, 1 of them because its item is not in the items"),
        (8, 0, "2 events of 10 can't be used"),
    ],
)
def test_how_many_events_are_of_no_item(usable, unknown, why):
    assert [one.text for one in unusable_events(10, usable, unknown)] == [why]
