import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data import (
    Catalog,
    ImpressionCollator,
    Interactions,
    TableSource,
    id_source,
    read_impressions,
)
from mmrec.data.impression_batch import histories_of

SIZE = 9
SOURCES = {
    "id": id_source({item: item for item in range(1, SIZE + 1)}, SIZE),
    "text": TableSource(np.arange(2.0 * (SIZE + 1)).reshape(-1, 2), np.arange(SIZE + 1) % 3 > 0),
}


@pytest.fixture(scope="module")
def impressions():
    rng = np.random.default_rng(0)
    rows = [
        (user, item, 100.0 * page + 7 * user, "click" if rng.random() < 0.4 else "impression", page)
        for page in range(4)
        for user in range(3)
        for item in rng.permutation(SIZE)[: rng.integers(1, 6)] + 1
    ]
    names = ("user_id", "item_id", "timestamp", "event", "impression_id")
    log = {name: [row[n] for row in rows] for n, name in enumerate(names)}
    return read_impressions(Interactions(log), Catalog({"item_id": list(range(1, SIZE + 1))}))


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.integers(0, 11), max_size=6), longest=st.integers(1, 5))
def test_a_batch_holds_the_items_of_its_impressions_once(impressions, rows, longest):
    batch = ImpressionCollator(impressions, SOURCES, max_length=longest)(rows)
    items = batch.pool.items
    assert len(batch) == len(rows)
    assert len(set(items.tolist())) == len(items)
    used = {0, *batch.history.flatten().tolist(), *batch.candidates.flatten().tolist()}
    assert used == set(range(len(items)))  # nothing else is loaded
    for row, impression in enumerate(rows):
        past = slice(
            max(impressions.start[impression], impressions.stop[impression] - longest),
            impressions.stop[impression],
        )
        shown = slice(*impressions.offsets[impression : impression + 2])
        history, candidates = batch.history[row], batch.candidates[row]
        assert items[history[batch.mask[row]]].tolist() == impressions.events.item[past].tolist()
        assert items[candidates[batch.shown[row]]].tolist() == impressions.item[shown].tolist()
        clicked = batch.clicked[row]
        assert clicked[batch.shown[row]].tolist() == impressions.clicked[shown].tolist()
        assert not clicked[~batch.shown[row]].any()
    present = batch.pool.present["text"].numpy()
    assert present.tolist() == SOURCES["text"].present[items.numpy()].tolist()
    if present.any():
        expected = SOURCES["text"].table[items.numpy()[present]]
        np.testing.assert_array_equal(batch.pool.content["text"], expected)


def test_histories_have_the_time_of_the_impression(impressions):
    rows = np.arange(len(impressions))
    histories = histories_of(impressions, rows, 50)
    assert histories.at.tolist() == impressions.time.tolist()
    for row in rows:
        events = impressions.events.time[impressions.start[row] : impressions.stop[row]]
        expected = impressions.time[row] - events[-1] if len(events) else -1
        assert histories.since[row] == expected
        assert (histories.since[row] > 0) == (len(events) > 0)


def test_positions_have_no_seconds():
    log = {"user_id": ["u"] * 3, "item_id": [1, 2, 1], "position": [0, 1, 1]}
    log |= {"event": ["click", "click", "impression"], "impression_id": [None, 1, 1]}
    made = read_impressions(Interactions(log), Catalog({"item_id": [1, 2]}))
    assert histories_of(made, np.array([0]), 5).since.tolist() == [-1]


def test_clicks_are_kept_and_other_items_are_drawn(impressions):
    rows = np.arange(len(impressions))
    whole = ImpressionCollator(impressions, SOURCES)(rows)
    seen, orders = [set() for _ in rows], set()
    for seed in range(60):
        drawn = ImpressionCollator(impressions, SOURCES, negatives=2, seed=seed)(rows)
        for row in rows:
            items, shown = drawn.pool.items[drawn.candidates[row]], drawn.shown[row]
            clicked = drawn.clicked[row]
            wanted = whole.pool.items[whole.candidates[row]]
            assert sorted(items[clicked]) == sorted(wanted[whole.clicked[row]])
            others = items[shown & ~clicked].tolist()
            known = wanted[whole.shown[row] & ~whole.clicked[row]].tolist()
            assert len(others) == len(set(others)) == min(2, len(known))
            assert set(others) <= set(known)
            seen[row] |= set(others)
        orders.add(tuple(drawn.candidates.flatten().tolist()))
    for row in rows:  # each of the others has its turn
        known = whole.pool.items[whole.candidates[row][whole.shown[row] & ~whole.clicked[row]]]
        assert seen[row] == set(known.tolist())
    assert len(orders) > 1
    again = ImpressionCollator(impressions, SOURCES, negatives=2, seed=59)(rows)
    assert torch.equal(again.candidates, drawn.candidates)


@pytest.mark.parametrize("changes", [{"max_length": 0}, {"negatives": 0}])
def test_wrong_sizes_are_refused(impressions, changes):
    with pytest.raises(ValueError, match="expected max_length and negatives of 1 or more; got"):
        ImpressionCollator(impressions, SOURCES, **changes)


def test_sources_of_another_catalogue_are_refused(impressions):
    source = TableSource(np.zeros((SIZE, 2)), np.ones(SIZE, bool))
    message = "a row of padding and 9 items; got 9 rows of 'text'"
    with pytest.raises(ValueError, match=message):
        ImpressionCollator(impressions, {"text": source})
