from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data import (
    Catalog,
    EventRules,
    Interactions,
    Sequences,
    bucket_batches,
    k_core,
    to_sequences,
    windows,
)

CATALOG = Catalog({"item_id": list("abcdef")})
EVENT = st.tuples(
    st.sampled_from("uvwx"),
    st.sampled_from("abcdef"),
    st.integers(0, 4),
    st.sampled_from(["view", "cart", "", None]),
)
EVENTS = st.lists(EVENT, min_size=1, max_size=40)


def log_of(events):
    users, items, times, event_types = zip(*events, strict=True)
    columns = {
        "user_id": users,
        "item_id": items,
        "timestamp": times,
        "event": ("x", *event_types)[1:],
    }
    return Interactions(columns)


def of_lengths(lengths):
    """Sequences of which only the lengths matter; event ``e`` is item ``e + 1``."""
    count = sum(lengths)
    zeros = np.zeros(count)
    return Sequences(
        item=np.arange(1, count + 1),
        gap=zeros,
        event_type=zeros.astype(np.int64),
        time=zeros,
        offsets=np.cumsum([0, *lengths]),
        users=list(range(len(lengths))),
    )


@settings(max_examples=150, deadline=None)
@given(EVENTS)
def test_grouping_equals_a_loop(events):
    sequences = to_sequences(log_of(events), CATALOG)
    event_types = sorted({event_type for *_, event_type in events if event_type})
    by_user: dict[str, list] = {}
    for user, item, time, event_type in sorted(events, key=lambda event: event[2]):
        by_user.setdefault(user, []).append((item, time, event_type))
    assert list(sequences.users) == list(by_user)
    assert sequences.event_types == tuple(event_types)
    for row, own in enumerate(by_user.values()):
        at = slice(sequences.offsets[row], sequences.offsets[row + 1])
        times = [time for _, time, _ in own]
        assert sequences.item[at].tolist() == ["abcdef".index(item) + 1 for item, *_ in own]
        assert sequences.time[at].tolist() == times
        assert sequences.gap[at].tolist() == np.diff(times, prepend=times[0]).tolist()
        assert sequences.event_type[at].tolist() == [
            event_types.index(k) + 1 if k else 0 for *_, k in own
        ]
        assert (sequences.owner[at] == row).all()
    assert len(sequences.item) == len(events)


def test_row_order_decides_between_events_of_one_time():
    ties = [("u", item, 7, None) for item in "cab"]
    others = [("v", item, 7, None) for item in "fed"]
    mixed = [event for pair in zip(others, ties, strict=True) for event in pair]
    for events in (ties + others, others + ties, mixed):
        sequences = to_sequences(log_of(events), CATALOG)
        start = sequences.offsets[list(sequences.users).index("u")]
        assert sequences.item[start : start + 3].tolist() == [3, 1, 2]
    sequences = to_sequences(log_of(ties[::-1]), CATALOG)
    assert sequences.item.tolist() == [2, 1, 3]


def test_a_position_counts_within_its_user():
    log = Interactions({"user_id": list("uvuv"), "item_id": list("abcd"), "position": [1, 5, 0, 2]})
    sequences = to_sequences(log, CATALOG)
    assert dict(zip(sequences.users, np.split(sequences.item, [2]), strict=True)).keys() == {
        "u",
        "v",
    }
    by_user = {
        user: sequences.item[start:stop].tolist()
        for user, start, stop in zip(
            sequences.users, sequences.offsets, sequences.offsets[1:], strict=False
        )
    }
    assert by_user == {"u": [3, 1], "v": [4, 2]}


def test_event_types_can_be_given():
    log = log_of([("u", "a", 0, "view"), ("u", "b", 1, "buy"), ("u", "c", 2, None)])
    sequences = to_sequences(log, CATALOG, event_types=["cart", "view"])
    assert sequences.event_type.tolist() == [2, 0, 0]
    assert sequences.event_types == ("cart", "view")
    assert to_sequences(log, CATALOG, event_types=[]).event_type.tolist() == [0, 0, 0]
    bare = Interactions({"user_id": [1], "item_id": ["a"], "position": [0]})
    assert to_sequences(bare, CATALOG).event_type.tolist() == [0]
    assert to_sequences(bare, CATALOG, event_types=["view"]).event_types == ("view",)


def test_a_column_of_any_name_may_be_there():
    columns = {"user_id": ["u", "v"], "item_id": ["a", "b"], "timestamp": [1, 2], "_user": [7, 7]}
    assert to_sequences(Interactions(columns), CATALOG).offsets.tolist() == [0, 1, 2]


def test_unknown_items_are_named():
    log = Interactions({"user_id": ["u"] * 3, "item_id": ["z", "a", "y"], "position": [0, 1, 2]})
    with pytest.raises(ValueError, match=r"2 item ids are not in the catalogue .*\['z', 'y'\]"):
        to_sequences(log, CATALOG)


def test_no_events_are_no_users():
    log = k_core(Interactions({"user_id": ["u"], "item_id": ["a"], "position": [0]}), 2)
    sequences = to_sequences(log, CATALOG)
    assert len(sequences) == 0
    assert sequences.offsets.tolist() == [0]
    assert windows(sequences, 3).shape == (0, 2)
    assert sequences.counts(6).tolist() == [0] * 7
    assert len(sequences.keep(np.zeros(0, dtype=bool))) == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=6), st.randoms())
def test_keep_equals_a_loop(lengths, random):
    sequences = of_lengths(lengths)
    mask = np.array([random.random() < 0.5 for _ in range(sum(lengths))], dtype=bool)
    kept = sequences.keep(mask)
    for row, (start, stop) in enumerate(
        zip(sequences.offsets, sequences.offsets[1:], strict=False)
    ):
        expected = [e + 1 for e in range(start, stop) if mask[e]]
        assert kept.item[kept.offsets[row] : kept.offsets[row + 1]].tolist() == expected
    assert len(kept) == len(sequences)
    assert len(kept.item) == len(kept.gap) == len(kept.event_type) == len(kept.time) == mask.sum()


def test_counts():
    log = log_of([("u", "a", 0, None), ("v", "c", 1, None), ("u", "c", 2, None)])
    assert to_sequences(log, CATALOG).counts(6).tolist() == [0, 1, 0, 2, 0, 0, 0]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 25), max_size=6), st.integers(1, 9))
def test_every_event_but_a_users_first_is_a_target_once(lengths, max_length):
    sequences = of_lengths(lengths)
    spans = windows(sequences, max_length)
    assert spans.tolist() == sorted(spans.tolist())
    owner = sequences.owner
    targets = []
    for start, end in spans.tolist():
        assert 2 <= end - start <= max_length + 1
        assert owner[start] == owner[end - 1]
        targets += range(start + 1, end)
    first = set(sequences.offsets[:-1].tolist())
    assert targets == [event for event in range(sum(lengths)) if event not in first]
    for stop, length in zip(sequences.offsets[1:], lengths, strict=True):
        if length >= 2:  # the most recent window is full, or holds all there is
            (last,) = [span for span in spans.tolist() if span[1] == stop]
            assert last[1] - last[0] == min(length, max_length + 1)


def test_windows_have_a_length():
    with pytest.raises(ValueError, match="max_length must be 1 or more; got 0"):
        windows(of_lengths([3]), 0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 9), st.integers(1, 4))
def test_bucket_batches_have_each_row_once(lengths, batch_size, bucket):
    rng = np.random.default_rng(0)
    batches = list(bucket_batches(np.array(lengths, dtype=np.int64), batch_size, rng, bucket))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // batch_size)
    assert all(1 <= len(batch) <= batch_size for batch in batches)


def test_bucket_batches_need_little_padding_and_are_shuffled():
    lengths = np.random.default_rng(1).integers(1, 200, 4000)

    def padding(batches):
        return sum(lengths[rows].max() * len(rows) - lengths[rows].sum() for rows in batches)

    def draw(seed):
        return list(bucket_batches(lengths, 32, np.random.default_rng(seed)))

    shuffled = np.split(np.random.default_rng(2).permutation(4000), 125)
    assert padding(draw(0)) < 0.2 * padding(shuffled)
    assert all((a == b).all() for a, b in zip(draw(0), draw(0), strict=True))
    assert any(a.tolist() != b.tolist() for a, b in zip(draw(0), draw(1), strict=True))
    order = [lengths[rows].mean() for rows in draw(0)]
    assert order != sorted(order)


def test_a_user_of_a_table_with_one_event_has_a_window():
    sequences = replace(of_lengths([1, 3, 1]), user_rows=np.array([2, 0, 0]))
    assert windows(sequences, 5).tolist() == [[0, 1], [1, 4]]
    assert sequences.rows_at(np.array([0, 1, 3, 4])).tolist() == [2, 0, 0, 0]
    kept = sequences.keep(np.array([True, False, True, True, True]))
    assert kept.user_rows.tolist() == [2, 0, 0]


def test_a_first_event_is_learned_from_features_alone():
    log = {"user_id": [*"uuvv"], "item_id": [*"abab"], "position": [0, 1, 0, 1]}
    marked = Interactions(log | {"event": ["cart", "view"] * 2})
    labelled = EventRules(targets=("cart",)).apply(marked)[0]
    sequences = to_sequences(labelled, CATALOG)
    assert windows(sequences, 5).tolist() == []  # the first event is a target of nobody
    led = replace(sequences, user_rows=np.array([0, 1]))
    assert windows(led, 5).tolist() == [[2, 4]]
