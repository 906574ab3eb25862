import logging
import re
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data import Catalog, EventRules, Interactions, Role, leave_one_out, split_by_time
from mmrec.data.sequences import windows


def log_of(events, items=None, **columns):
    count = len(events)
    return Interactions(
        {
            "user_id": ["u"] * count,
            "item_id": items or [f"i{n}" for n in range(count)],
            "timestamp": list(range(count)),
            "event": events,
            **columns,
        }
    )


def test_a_cart_after_a_view_of_the_same_item_is_no_repeat():
    events = ["view", "view", "cart", "purchase", "view"]
    kept, facts = EventRules().apply(log_of(events, ["a"] * 5))
    assert kept.frame["event"].to_list() == ["view", "cart", "purchase", "view"]
    assert facts["dropped_repeats"] == {"view": 1}
    every, facts = EventRules(drop_repeats=False).apply(log_of(events, ["a"] * 5))
    assert len(every) == 5
    assert facts["dropped_repeats"] == {}


def test_each_event_gets_a_role():
    events = ["view", "purchase", "hide", "impression", "ping", "view"]
    rules = EventRules(targets=("purchase",), ignored=("ping",), weights={"view": 0.2})
    kept, facts = rules.apply(log_of(events))
    rows = dict(zip(kept.frame["event"], kept.frame["role"], strict=True))
    assert rows == {"view": 0, "purchase": 1, "hide": 2, "impression": 3}
    weights = dict(zip(kept.frame["event"], kept.frame["weight"], strict=True))
    assert weights == {"view": 0.2, "purchase": 1, "hide": 0, "impression": 0}
    assert facts["roles"] == {
        "context": {"view": 2},
        "target": {"purchase": 1},
        "negative": {"hide": 1},
        "shown": {"impression": 1},
        "ignored": {"ping": 1},
    }
    assert [rules.is_seen(name) for name in ("view", "purchase", "hide")] == [False, True, True]
    assert EventRules().is_seen("view")
    assert not EventRules().is_seen("impression")


def test_conditions_give_a_type_of_its_own():
    log = log_of(["watch", "watch", "like"], watch=[5, 90, None], duration=[100, 100, 100])
    rules = EventRules(negative=("watch / duration < 0.1", "dislike"))
    kept, _ = rules.apply(log)
    assert kept.frame["event"].to_list() == ["watch:negative", "watch", "like"]
    assert kept.frame["role"].to_list() == [Role.NEGATIVE, Role.TARGET, Role.TARGET]
    assert rules.resolve("watch", {"watch": 5, "duration": 100}) == "watch:negative"
    assert rules.resolve("watch", {"watch": 50, "duration": 100}) == "watch"
    assert rules.resolve("dislike", {"watch": 5, "duration": 100}) == "dislike"
    assert rules.role_of("watch:negative") == Role.NEGATIVE
    liked, _ = EventRules(targets=("rating >= 4",)).apply(log_of(["r", "r"], rating=[5, 2]))
    assert liked.frame["event"].to_list() == ["r:target", "r"]
    assert liked.frame["role"].to_list() == [Role.TARGET, Role.CONTEXT]


def test_a_log_without_types_needs_no_labels():
    log = Interactions({"user_id": ["u", "u"], "item_id": ["a", "b"], "timestamp": [1, 2]})
    kept, facts = EventRules().apply(log)
    assert set(kept.frame.columns) == {"user_id", "item_id", "timestamp"}
    assert facts["roles"] == {"target": {"": 2}}


def test_what_is_guessed_or_unused_is_said(caplog):
    with caplog.at_level(logging.WARNING):
        _, facts = EventRules().apply(log_of(["view", "hide"], rating=[5, 1]))
    assert "event types ['hide'] count as negative, by their names" in caplog.text
    assert "the column rating of the events is not used" in caplog.text
    assert facts["unused_columns"] == ["rating"]
    assert facts["guessed"] == {"negative": ["hide"]}
    caplog.clear()
    rules = EventRules(negative=("rating <= 2", "skip"))
    rules.apply(log_of(["view", "view"], rating=[5, 1]))
    assert "no event has the type 'skip'; the log has" in caplog.text
    EventRules(negative=("vieww",)).apply(log_of(["view", "view"]))
    assert "no event has the type 'vieww' (did you mean 'view'?)" in caplog.text
    assert "not used" not in caplog.text


@pytest.mark.parametrize(
    ("rules", "says_no", "guessed"),
    [
        ({}, ["dislike", "skip"], ["dislike", "skip"]),
        ({"negative": ("watched < 0.1",)}, ["dislike", "skip"], ["dislike", "skip"]),
        ({"negative": ("skip", "watched < 0.1")}, ["dislike", "skip"], ["dislike"]),
        ({"negative": ("watched < 0.1",), "targets": ("watch", "skip")}, ["dislike"], ["dislike"]),
        (
            {"negative": ("watched < 0.1",), "targets": ("watched > 0.5",)},
            ["dislike", "skip"],
            None,
        ),
        ({"negative": ("watched < 0.1",), "ignored": ("dislike",)}, ["skip"], ["skip"]),
        ({"negative": ()}, [], []),
        ({"targets": ("watch",), "weights": {"skip": 0.5}}, ["dislike"], ["dislike"]),
    ],
)
def test_types_whose_names_say_no_do_so_unless_a_rule_names_them(rules, says_no, guessed, caplog):
    log = log_of(["watch", "skip", "dislike", "skip"], watched=[0.9, 0.8, 0.2, 0.5])
    with caplog.at_level(logging.WARNING):
        _, facts = EventRules(**rules).apply(log)
    assert sorted(facts["roles"].get("negative", {})) == says_no
    assert facts["guessed"].get("negative", []) == (says_no if guessed is None else guessed)
    made = EventRules(**rules)
    roles = [name for name in ("dislike", "skip") if made.role_of(name) == Role.NEGATIVE]
    assert roles == says_no


def test_a_name_wins_over_a_condition_and_keeps_the_type():
    rules = EventRules(negative=("watched < 0.1",), shown=("watched is null",))
    assert rules.resolve("skip", {"watched": 0.05}) == "skip"
    assert rules.resolve("watch", {"watched": 0.05}) == "watch:negative"
    assert rules.role_of("impression") == Role.SHOWN


def test_the_rule_that_is_said_keeps_those_that_were_given(caplog):
    rules = EventRules(negative=("skip", "speed < 1"))
    rules.apply(log_of(["watch", "skip"], watched=[0.9, 0.8], speed=[1, 2]))
    assert "negative=('skip', 'speed < 1', 'watched < LOW',) or targets=" in caplog.text


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"targets": ("buy",)}, r"targets and weights name the event types \['buy'\]; got"),
        ({"targets": ("Veiw",)}, r"types \['Veiw'\] \(did you mean 'view'\?\); got"),
        ({"negative": ("evnt < 2",)}, r"\['evnt'\] \(did you mean 'event'\?\); interactions"),
        ({"negative": ("stars < 2",)}, r"reads the columns \['stars'\]; interactions have"),
        ({"negative": ("view", "cart")}, "no event is a target"),
        ({"targets": ("event = view",), "ignored": ("view",)}, "no event is a target"),
    ],
)
def test_rules_that_fit_no_log(rules, message):
    with pytest.raises(ValueError, match=message):
        EventRules(**rules).apply(log_of(["view", "cart"]))


def test_conditions_that_fit_no_event_are_named(caplog):
    log = Interactions({"user_id": ["u"] * 3, "item_id": [*"abc"], "qty": [1, 2, 3]})
    caplog.clear()
    EventRules(negative=("qty < 0", "qty > 2"), ignored=("qty is null",)).apply(log)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["no event fits the rule 'qty < 0'", "no event fits the rule 'qty is null'"]


def test_rules_that_cannot_be_read():
    with pytest.raises(ValueError, match="rating"):
        EventRules(negative=("rating <=",))
    with pytest.raises(ValueError, match="weights must be numbers of 0 or more; got"):
        EventRules(weights={"view": -1.0})


TYPES = st.lists(st.sampled_from(["view", "buy", "hide", "impression"]), min_size=4, max_size=30)


@given(TYPES.filter(lambda types: types.count("buy") >= 3), st.data())
def test_only_targets_are_held_out(types, data):
    items = data.draw(st.lists(st.integers(1, 5), min_size=len(types), max_size=len(types)))
    catalog = Catalog({"item_id": list(range(1, 6))})
    rules = EventRules(targets=("buy",), drop_repeats=False)
    log, _ = rules.apply(log_of(types, items))
    split = leave_one_out(log, catalog)
    events = split.sequences
    bought = [item for item, kind in zip(items, types, strict=True) if kind == "buy"]
    [test], [valid] = split.targets("test"), split.targets("valid")
    assert [events.item[valid], events.item[test]] == bought[-2:]
    assert (np.diff(split.part) >= 0).all()
    # What was shown is no event; of a window something is learned.
    assert len(events.item) == sum(kind != "impression" for kind in types)
    if split.train.labels is None:  # every event is a target
        return
    for start, stop in windows(split.train, 3):
        assert (split.train.labels.weight[start + 1 : stop] > 0).any()


def test_a_split_by_time_measures_targets_alone():
    types = (["view"] * 4 + ["buy"]) * 8
    log, _ = EventRules(targets=("buy",)).apply(log_of(types))
    split = split_by_time(log, Catalog({"item_id": [f"i{n}" for n in range(len(types))]}))
    assert split.sizes() == {"train": 6, "valid": 1, "test": 1}
    assert (split.part == 0).sum() == 32


def test_values_that_no_condition_reads_may_be_anything():
    rules = EventRules(negative=("rating <= 2",))
    odd = [[None], {"": 0.5}]  # no column of a table
    assert rules.resolve("review", {"rating": 1, "more": odd}) == "review:negative"
    with pytest.raises(
        ValueError, match=r"values of an event must be numbers, texts or times; got"
    ):
        rules.resolve("review", {"rating": odd})


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**63, 2**63 + 1, 2**70, 2**70 + 1, 2**127, -(2**64), -(2**127), 10**400]),
    st.sampled_from([1.7e9, 1.7e12, 1.7e15, 1_700_000_000, 1_700_000_000_000, "1.7e12", "1.7e15"]),
    st.dates(),
    st.datetimes() | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2))])),
    st.timedeltas(),
    st.text("ab 1-", max_size=3),
    st.floats(allow_infinity=True),
    st.sampled_from(["", " ", "3", "0.5", "true", "2024-05-01", "1995", "much", "\ud800"]),
    st.lists(st.integers(), max_size=1),
)
CONDITIONS = st.sampled_from(
    [
        *("a < 2", "a < 0.5 * b", "b", 'a = "3"', "a = b", "a is null", "a >= 2024-05-01"),
        *("age(a) < 1h", "a in (1, 3)", "b < 2 or a < 2", "a < 2 and age(b) < 1h"),
    ]
)


@given(
    st.lists(CONDITIONS, min_size=1, max_size=2, unique=True),
    st.lists(
        st.tuples(
            st.sampled_from(["view", "hide", "view:negative"]),
            st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES),
        ),
        max_size=12,
    ),
)
def test_many_events_are_resolved_as_each_is_alone(conditions, events):
    def alone(event):
        try:
            return EventRules(negative=conditions).resolve(*event)
        except ValueError as error:
            return str(error)

    found = EventRules(negative=conditions).resolve_all(events)
    assert [kind if isinstance(kind, str) else str(kind) for kind in found] == [
        alone(event) for event in events
    ]


def test_many_events_are_resolved_at_once(monkeypatch):
    rules, asked = EventRules(negative=("rating <= 2",)), []
    select = pl.DataFrame.select

    def counted(*arguments, **more):
        asked.append(1)
        return select(*arguments, **more)

    monkeypatch.setattr(pl.DataFrame, "select", counted)
    ratings = [n / 100 for n in range(1_000)]
    many = [("review", {"rating": form(n)}) for n in ratings for form in (float, str)]
    kinds = rules.resolve_all([*many, ("review", {"rating": 1}), ("review", {})])
    assert len(asked) < 30
    assert kinds.count("review:negative") == 2 * 201 + 1
    assert rules.resolve_all(many) == kinds[:-2]


DAYS = [datetime(2024, 5, 1) + timedelta(days=n) for n in range(500)]


@pytest.mark.parametrize(
    ("condition", "values", "said"),
    [
        ("a <= 2", [f"bad{n}" for n in range(500)], "it holds 'bad7'"),
        ("a <= 2", [f"bad{n}" if n == 7 else f"{n}" for n in range(500)], "it holds 'bad7'"),
        ("a <= 2", [2**70 + n for n in range(500)], None),
        ("a <= 2", [2**63 + n for n in range(500)], None),
        ("a <= 2", DAYS, "a (a date) can't be compared with 2 (a number)"),
        ("a >= 2025-05-01", DAYS, None),
        ("a >= 2025-05-01", [day.replace(tzinfo=UTC) for day in DAYS], None),
        ("a >= 2025-05-01", [day.date() for day in DAYS], None),
        ("age(a) < 1h", [1.7e12 + n for n in range(500)], "got 1700000000007.0, which looks like"),
        ("a > 1 and b > 1", [{"a": n, "b": f"x{n}"} for n in range(500)], "it holds 'x7'"),
    ],
)
def test_what_is_refused_is_told_at_once_each_with_its_value(monkeypatch, condition, values, said):
    rules, asked = EventRules(negative=(condition,)), []
    select = pl.DataFrame.select

    def counted(*arguments, **more):
        asked.append(1)
        return select(*arguments, **more)

    monkeypatch.setattr(pl.DataFrame, "select", counted)
    events = [("view", one if isinstance(one, dict) else {"a": one}) for one in values]
    found = rules.resolve_all(events)
    assert len(asked) < 40
    if said is None:
        assert set(found) <= {"view", "view:negative"}
    else:
        assert said in str(found[7])
        with pytest.raises(ValueError, match="condition can't be used") as alone:
            rules.resolve(*events[7])
        assert str(found[7]) == str(alone.value)


def test_an_integer_that_no_column_holds_is_refused():
    for value in (2**127, -(2**127) - 1, 10**400):
        with pytest.raises(ValueError, match="values of an event must be numbers, texts or times"):
            EventRules(negative=("a < 2",)).resolve("view", {"a": value})


RETURNS = {"user_id": [*"uuuv"], "item_id": [*"abca"], "position": range(4)}
RETURNS |= {"event": ["view", "return", "return", "hide"]}


def test_a_type_that_sounds_like_a_no_and_counts_as_a_yes_is_named_once(caplog):
    for rules in (EventRules(), EventRules(("view",), negative=("hide",))):
        caplog.clear()
        facts = rules.apply(Interactions(RETURNS))[1]
        assert facts["doubtful"] == {"return": 2}
        [said] = [text for text in caplog.messages if "sounds like" in text]
        given = "'hide', " if rules.negative else ""
        assert said == (
            "event type 'return' (2 events) sounds like a no and counts as a yes: "
            f"negative=({given}'return',) makes it a no"
        )


@pytest.mark.parametrize(
    "rules",
    [
        EventRules(negative=("return",)),
        EventRules(("view", "return")),
        EventRules(("view",), weights={"return": 0.1}),
        EventRules(ignored=("return",)),
        EventRules(negative=()),
    ],
)
def test_a_type_of_which_a_rule_says_what_it_is_is_not_named(rules, caplog):
    assert rules.apply(Interactions(RETURNS))[1]["doubtful"] == {}
    assert not [text for text in caplog.messages if "sounds like" in text]


@pytest.mark.parametrize("name", ["negative", "shown", "ignored"])
def test_a_rule_with_two_roles_is_refused(name):
    given = {"targets": ("like", "dwell >= 8"), name: ("dwell >= 8", "hide")}
    said = f"in targets or in {name}, not in both, where {name} wins; got ['dwell >= 8'] in both"
    with pytest.raises(ValueError, match=re.escape(said)):
        EventRules(**given)
