import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data import Catalog, Interactions, read_impressions

ITEMS = list("abcdef")
EVENTS = st.tuples(
    st.integers(0, 2),  # user
    st.integers(0, 5),  # item
    st.integers(0, 4),  # time
    st.sampled_from(["click", "impression", "view"]),
    st.one_of(st.none(), st.integers(0, 2)),  # impression
)


def table(rows):
    names = ("user_id", "item_id", "timestamp", "event", "impression_id")
    log = {name: [row[n] for row in rows] for n, name in enumerate(names)}
    return log | {
        "user_id": [f"u{user}" for user in log["user_id"]],
        "item_id": [ITEMS[item] for item in log["item_id"]],
    }


def reference(rows, history=("click",)):
    """The impressions of a log, a row at a time, in order of time."""
    rows = sorted(rows, key=lambda row: row[2])
    shown = [row for row in rows if row[4] is not None and row[3] in ("click", "impression")]
    found = {}
    for row in shown:
        found.setdefault((row[0], row[4]), []).append(row)
    made = []
    for (user, _), group in found.items():
        time = group[0][2]
        now = [(n, row) for n, row in enumerate(rows) if row[::2][:2] == (user, time)]
        first = next(n for n, row in now if row[4] is not None)
        past = [row[1] + 1 for row in rows[:first] if row[0] == user and row[3] in history]
        items = list(dict.fromkeys(row[1] + 1 for row in group))
        clicks = {row[1] + 1 for row in group if row[3] == "click"}
        made.append((user, time, past, items, [item in clicks for item in items]))
    return made


def as_rows(made):
    users = sorted({*made.user})
    return [
        (
            int(made.user[n]),
            int(made.time[n]),
            made.events.item[made.start[n] : made.stop[n]].tolist(),
            made.item[made.offsets[n] : made.offsets[n + 1]].tolist(),
            made.clicked[made.offsets[n] : made.offsets[n + 1]].tolist(),
        )
        for n in range(len(made))
    ], users


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=25), st.booleans())
def test_impressions_are_those_of_a_loop_over_the_log(rows, views):
    rows = [*rows, (0, 0, 4, "click", 9), (0, 1, 4, "impression", 9), (0, 1, 0, "view", None)]
    history = ("click", "view") if views else ("click",)
    given_history = {"history": history} if views else {}
    made = read_impressions(Interactions(table(rows)), Catalog({"item_id": ITEMS}), **given_history)
    expected = reference(rows, history)
    users = sorted({row[0] for row in expected})
    expected = [(users.index(user), *rest) for user, *rest in expected]
    found, _ = as_rows(made)
    key = lambda row: (row[1], row[0], row[3])  # noqa: E731
    assert sorted(found, key=key) == sorted(expected, key=key)
    assert (np.diff(made.time) >= 0).all()


def test_an_item_that_is_shown_and_clicked_later_is_one_item():
    """Many logs have a row for what was shown, and another at the time of the click."""
    log = {
        "user_id": ["u"] * 5,
        "item_id": ["a", "b", "c", "b", "d"],
        "timestamp": [1, 1, 3, 4, 5],
        "event": ["impression", "impression", "impression", "click", "impression"],
        "impression_id": ["x", "x", "y", "x", "z"],
    }
    made = read_impressions(Interactions(log), Catalog({"item_id": ITEMS}))
    found, _ = as_rows(made)
    assert [row[2:] for row in found] == [
        ([], [1, 2], [False, True]),
        ([], [3], [False]),  # the click is later than that
        ([2], [4], [False]),
    ]


def histories(*rows, **options):
    """The history of each impression, of one user and, but for the first event, one instant."""
    rows = [(0, 5, 1, "click", None), *((0, item, 5, event, page) for item, event, page in rows)]
    made = read_impressions(Interactions(table(rows)), Catalog({"item_id": ITEMS}), **options)
    return [past for _, _, past, *_ in as_rows(made)[0]]


def test_no_event_of_an_impression_is_in_its_history():
    """Not even one of another type, which comes first in the log: here, what was saved."""
    page = [(0, "save", 1), (0, "click", 1), (1, "impression", 1), (2, "impression", 1)]
    assert histories(*page, history=["click", "save"]) == [[6]]


def test_a_click_before_the_impression_counts_and_is_said_if_its_item_is_shown(caplog):
    """MIND's histories have the time of the first impression, and may have its items."""
    shown = [(0, "click", 1), (1, "impression", 1)]
    with caplog.at_level(logging.WARNING):
        assert histories((2, "click", None), *shown) == [[6, 3]]
        assert histories(*shown, (1, "click", None)) == [[6]]  # it comes after
        assert not caplog.text
        assert histories((2, "click", None), (1, "click", None), *shown) == [[6, 3, 2]]
    assert "1 event without impression_id is of an item that is shown to the same" in caplog.text


def test_event_types_have_the_numbers_of_another_log():
    page = [(0, 1, 5, "impression", 1), (0, 2, 5, "click", 1)]
    views = Interactions(table([(0, 0, 1, "view", None), *page]))
    both = Interactions(table([(0, 0, 1, "click", None), (0, 0, 2, "view", None), *page]))
    catalog, options = Catalog({"item_id": ITEMS}), {"history": ["click", "view"]}
    train = read_impressions(both, catalog, **options).events
    assert train.event_types == ("click", "view")
    later = read_impressions(views, catalog, **options, event_types=train.event_types).events
    assert later.event_types == ("click", "view")
    assert later.event_type.tolist() == [2, 1]
    fewer = read_impressions(both, catalog, **options, event_types=["view"]).events
    assert fewer.event_type.tolist() == [0, 1, 0]


def pages(count=10, users=2):
    log = {
        "user_id": [f"u{user}" for user in range(users) for _ in range(2 * count)],
        "item_id": ["a", "b"] * count * users,
        "timestamp": [page for _ in range(users) for page in range(count) for _ in range(2)],
        "event": ["click", "impression"] * count * users,
    }
    return read_impressions(
        Interactions(log | {"impression_id": log["timestamp"]}), Catalog({"item_id": ITEMS})
    )


def test_cuts_are_times_and_histories_go_back_beyond_them():
    made = pages()
    parts = made.cut(0.5, 0.8)
    assert [sorted({*part.time.tolist()}) for part in parts] == [[0, 1, 2, 3, 4], [5, 6, 7], [8, 9]]
    assert (parts[2].stop - parts[2].start).tolist() == [8, 8, 9, 9]
    assert sum(map(len, parts)) == len(made) == 20
    for part in parts:
        assert part.offsets[-1] == len(part.item) == len(part.clicked)
    with pytest.raises(ValueError, match=r"shares must ascend between 0 and 1; got \(0.8, 0.5\)"):
        made.cut(0.8, 0.5)
    with pytest.raises(ValueError, match="shares must ascend"):
        made.cut()
    with pytest.raises(ValueError, match=r"expected impressions in each part; got \[0, 20\]"):
        made.cut(0.01)
    with pytest.raises(ValueError, match="expected impressions to cut; got none"):
        made.keep(np.zeros(20, bool)).cut(0.5)


def test_what_is_shown_in_no_impression_is_said(caplog):
    rows = [(0, 0, 1, "click", 1), (0, 1, 1, "impression", 1), (0, 2, 2, "impression", None)]
    with caplog.at_level(logging.WARNING):
        made = read_impressions(Interactions(table(rows)), Catalog({"item_id": ITEMS}))
    assert "1 event was shown in no impression (impression_id) and left out" in caplog.text
    assert made.item.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clicked": ["open"]}, r"clicked expects event types of the log, \['click', 'impre"),
        ({"shown": ["open"]}, r"shown expects event types of the log.*; got \['open'\]"),
        ({"history": ["open"]}, r"history expects event types of the log"),
        ({"shown": ["click"]}, r"an event type is clicked or shown; got \['click'\] as both"),
        ({"impression": "page"}, r"must have the columns \['page'\]"),
        ({"part": "fold"}, r"must have the columns \['fold'\]"),
    ],
)
def test_wrong_names_are_refused(changes, message):
    rows = [(0, 0, 1, "click", 1), (0, 1, 1, "impression", 1)]
    with pytest.raises(ValueError, match=message):
        read_impressions(Interactions(table(rows)), Catalog({"item_id": ITEMS}), **changes)


def test_a_log_without_impressions_is_refused():
    rows = [(0, 0, 1, "click", None), (0, 1, 1, "impression", None)]
    message = r"with a value of impression_id; all 2 of them have none"
    with pytest.raises(ValueError, match=message):
        read_impressions(Interactions(table(rows)), Catalog({"item_id": ITEMS}))


def test_unknown_items_are_refused():
    rows = [(0, 0, 1, "click", 1), (0, 1, 1, "impression", 1)]
    with pytest.raises(ValueError, match="1 item that is not in the catalogue, first"):
        read_impressions(Interactions(table(rows)), Catalog({"item_id": ["a"]}))
