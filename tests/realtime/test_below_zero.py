import pytest

from mmrec.realtime.below_zero import below_zero


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([{}, {"dwell_s": 3}, {"watch_time": None}, {"sentiment": -1}, {"watched": "x"}], None),
        (
            [{"dwell_s": -3}],
            "1 value of dwell_s is below 0; rules of events read it as it is",
        ),
        (
            [{"dwell_s": "-0.5", "listen_time": -1}, {"dwell_s": -2}],
            "2 values of dwell_s and 1 value of listen_time are below 0; rules of events read them "
            "as they are",
        ),
    ],
)
def test_durations_below_zero_are_counted_by_column(values, said):
    assert below_zero([("view", one) for one in values]) == said
