from dataclasses import replace

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data import Histories, Sequences


@given(st.lists(st.lists(st.integers(1, 9), max_size=5), max_size=5))
def test_of_items_pads_on_the_right(rows):
    for made in (rows, [np.array(row, dtype=np.int64) for row in rows]):
        histories = Histories.of_items(made)
        steps = max([1, *map(len, rows)])
        assert len(histories) == len(rows)
        assert histories.items.shape == (len(rows), steps)
        for row, items, mask in zip(rows, histories.items, histories.mask, strict=True):
            assert items.tolist() == row + [0] * (steps - len(row))
            assert mask.tolist() == [True] * len(row) + [False] * (steps - len(row))
        assert histories.gap.eq(-1).all()  # unknown
        assert histories.event_type.eq(0).all()
        assert (histories.items.dtype, histories.gap.dtype, histories.event_type.dtype) == (
            torch.long,
            torch.float32,
            torch.long,
        )


def events_of(histories):
    return histories.items, histories.gap, histories.event_type


def listed(histories):
    """Every history as a list of its events."""
    return [
        list(zip(*(part[row, :length].tolist() for part in events_of(histories)), strict=True))
        for row, length in enumerate(histories.lengths.tolist())
    ]


def numbered(rows):
    """Histories whose gaps and event types follow from their items."""
    made = Histories.of_items(rows)
    return Histories.without_request(made.items, made.items * 0.5, made.items % 3)


ROWS = st.lists(st.lists(st.integers(1, 9), max_size=5), min_size=1, max_size=5)


@given(ROWS, st.integers(1, 6))
def test_the_last_events_of_each_history_are_kept(rows, steps):
    histories = numbered(rows)
    assert listed(histories.tail(steps)) == listed(numbered([row[-steps:] for row in rows]))
    assert histories.tail(5) is histories
    assert histories.last_items().tolist() == [row[-1] if row else 0 for row in rows]


@given(ROWS, ROWS)
def test_histories_are_put_together_and_taken_apart(first, second):
    both = Histories.cat([numbered(first), numbered(second)])
    assert listed(both) == listed(numbered(first + second))
    order = torch.arange(len(both)).flip(0)
    assert listed(both.rows(order)) == listed(numbered((first + second)[::-1]))
    assert listed(both.padded(8)) == listed(both)
    assert both.padded(8).items.shape == (len(both), 8)


@given(ROWS.filter(any), st.integers(0, 4))
def test_events_of_a_log_become_histories(rows, left_out):
    item = np.concatenate([np.array(row, dtype=np.int64) for row in rows])
    stops = np.cumsum([len(row) for row in rows])
    offsets = np.concatenate([[0], stops])
    events = Sequences(item, item * 0.5, item % 3, item * 1.0, offsets, range(len(rows)))
    starts = np.minimum(offsets[:-1] + left_out, stops)
    found = Histories.of_events(events, starts, stops)
    assert listed(found) == listed(numbered([row[left_out:] for row in rows]))
    assert found.gap.dtype == torch.float32
    assert found.gap.eq(0).logical_or(found.mask).all()


def test_the_request_after_a_history_is_at_the_users_next_event():
    times = np.array([3.0, 5.0, 9.0, 20.0])
    gap = np.array([0.0, 2.0, 4.0, 0.0])
    events = Sequences(
        np.array([1, 2, 3, 1]), gap, gap.astype(int) * 0, times, np.array([0, 3, 4]), "uv"
    )
    found = Histories.of_events(events, np.array([0, 0, 0, 3]), np.array([0, 2, 3, 3]))
    # Before a user's first event nothing has passed; after the last, no request is known.
    assert found.at.isnan().tolist() == [False, False, True, False]
    assert found.at[~found.at.isnan()].tolist() == [3.0, 9.0, 20.0]
    assert found.since.tolist() == [-1.0, 4.0, -1.0, -1.0]
    positions = Histories.of_events(replace(events, timed=False), np.array([0]), np.array([2]))
    assert positions.at.isnan().all()
    assert positions.since.tolist() == [-1.0]


def test_histories_keep_the_rows_of_their_users():
    events = Sequences(
        item=np.array([3, 1, 2]),
        gap=np.zeros(3),
        event_type=np.zeros(3, dtype=np.int64),
        time=np.arange(3.0),
        offsets=np.array([0, 2, 3]),
        users=["u", "v"],
        user_rows=np.array([7, 0]),
    )
    made = Histories.of_events(events, np.array([0, 0, 2]), np.array([0, 1, 2]))
    assert made.users.tolist() == [7, 7, 0]
    assert made.tail(1).users.tolist() == [7, 7, 0]
    assert made.rows(torch.tensor([2, 0])).users.tolist() == [0, 7]
    both = Histories.cat([Histories.of_items([[1]]), made])
    assert both.users.tolist() == [0, 7, 7, 0]
    assert Histories.cat([Histories.of_items([[1]])] * 2).users is None
