from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.trends import AGE_KNOTS, ItemEvents, about_undated, ages, created_times, undated
from mmrec.trends.age import AGE_VALUES, age_basis, age_values

NAN = np.nan
EVENTS = ItemEvents(np.array([1, 2]), np.array([50.0, 60.0]))
NOTHING = ItemEvents(np.zeros(0, dtype=int), np.zeros(0))


def test_ages_are_nan_until_an_item_is_met():
    created = np.array([NAN, 1.6e9, 1.7e9, NAN])
    expected = [[NAN, NAN, NAN, NAN], [NAN, 1e8 + 0.5, 0.5, NAN]]
    np.testing.assert_array_equal(ages(created, np.array([1.6e9, 1.7e9 + 0.5])), expected)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(1e-3, 1e10) | st.just(NAN), min_size=1, max_size=8),
    st.lists(st.floats(-3, 3), min_size=AGE_VALUES, max_size=AGE_VALUES),
)
def test_hats_sum_to_one_and_their_weighted_sum_is_the_function(age, table):
    age, table = np.array(age), np.array(table)
    hats = age_basis(age)
    np.testing.assert_allclose(hats.sum(-1), 1.0)
    assert (hats >= 0).all()
    np.testing.assert_allclose(hats @ table, age_values(age, table), atol=1e-12)


def test_hats_are_one_at_their_own_knot_and_linear_in_log_age_between():
    np.testing.assert_allclose(age_basis(np.array(AGE_KNOTS)), np.eye(AGE_VALUES)[:-1], atol=1e-12)
    middle = np.sqrt(AGE_KNOTS[3] * AGE_KNOTS[4])
    np.testing.assert_allclose(age_basis(np.array([middle]))[0, [3, 4]], 0.5)


def test_first_events_tell_without_a_column():
    rows = pl.DataFrame({"item_id": ["a", "b", "c"]})
    np.testing.assert_array_equal(created_times(rows, EVENTS), [NAN, 50, 60, NAN])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([86_400, 0, None], [86_400, 0, NAN]),
        ([date(1970, 1, 2), date(1941, 5, 1), None], [86_400, 0, NAN]),
        (["1970-01-02", "1941-05-01", ""], [86_400, 0, NAN]),
        (["86400", "0.0", None], [86_400, 0, NAN]),
        (
            [datetime(1970, 1, 2, tzinfo=UTC), datetime(1969, 1, 2, tzinfo=UTC), None],
            [86_400, 0, NAN],
        ),
        ([None, None, None], [50, 60, NAN]),
    ],
)
def test_a_column_tells_first(values, expected):
    rows = pl.DataFrame({"item_id": ["a", "b", "c"], "released_at": values})
    np.testing.assert_array_equal(created_times(rows, EVENTS), [NAN, *expected])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([5.0, 6.0, 7.0], None),
        (["1970-01-02", "1960-01-01", "1970-01-03"], None),
        ([5.0, None, 7.0], "1 of 3 items has no published_at: its age counts from its first event"),
        (["1970-01-02", "", None], "2 of 3 items have no published_at: their age counts from"),
    ],
)
def test_items_without_a_time_are_counted(values, said):
    rows = pl.DataFrame({"item_id": ["a", "b", "c"], "published_at": values})
    np.testing.assert_array_equal(undated(rows), np.isnan(created_times(rows, NOTHING)[1:]))
    found = about_undated(rows)
    assert found is None if said is None else found.startswith(said)


def test_without_a_column_of_times_nothing_is_lacking():
    assert about_undated(pl.DataFrame({"item_id": ["a"], "title": ["x"]})) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["soon", "1970-01-02"], "items: created_at must be a finite number .* hold 'soon'"),
        ([1.7e12, 0.0], "items: created_at must be seconds .* hold .1700000000000.0., .* millisec"),
        ([True, False], "items: created_at must be numbers or dates"),
    ],
)
def test_what_is_no_time_is_refused(values, message):
    rows = pl.DataFrame({"item_id": ["a", "b"], "created_at": values})
    with pytest.raises(ValueError, match=message):
        created_times(rows, EVENTS)
