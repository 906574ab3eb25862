import numpy as np
import pytest

from mmrec.trends import ItemEvents


def test_events_are_sorted_and_ties_keep_their_order():
    events = ItemEvents(np.array([3, 1, 2, 1]), np.array([5.0, 9.0, 5.0, 1.0]))
    assert events.item.tolist() == [1, 3, 2, 1]
    assert events.time.tolist() == [1, 5, 5, 9]
    assert events.counts(4).tolist() == [0, 2, 1, 1, 0]
    np.testing.assert_array_equal(events.first_times(4), [np.nan, 1, 5, 5, np.nan])


def test_an_event_at_the_instant_is_not_before_it():
    events = ItemEvents(np.array([1, 2, 3]), np.array([1.0, 5.0, 5.0]))
    assert events.before(5.0).item.tolist() == [1]
    assert len(events.before(5.1)) == 3


def test_errors():
    with pytest.raises(ValueError, match="same length; got 2 and 1"):
        ItemEvents(np.array([1, 2]), np.array([1.0]))
    with pytest.raises(ValueError, match="indices of 1 or more; got 0"):
        ItemEvents(np.array([0]), np.array([1.0]))
    with pytest.raises(ValueError, match="time must be finite; got nan"):
        ItemEvents(np.array([1]), np.array([np.nan]))
