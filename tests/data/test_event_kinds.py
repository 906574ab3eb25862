import polars as pl
import pytest

from mmrec.data.event_kinds import alike, frame_of, kinded


def events(values):
    return [kinded("view", {"a": value}, {"a"}) for value in values]


def test_events_of_a_group_make_a_column_of_one_kind():
    values = [
        1,
        "1",
        True,
        None,
        2,
        "2.5",
        "no",
        "",
        "2024-05-01",
        "2024-05-02",
        0.5,
        2**70,
        "\ud800",
    ]
    groups = [[event[1][2] for event in group] for group in alike(events(values))]
    assert [group for group in groups if len(group) > 1] == [
        [1, 2],
        ["1", "2.5"],
        ["2024-05-01", "2024-05-02"],
    ]
    assert sorted(repr(value) for group in groups for value in group) == sorted(map(repr, values))


def test_columns_that_no_condition_reads_tell_no_events_apart():
    assert kinded("view", {"a": 1, "b": [2]}, {"a"}) == kinded("view", {"a": 1}, {"a"})
    assert kinded("view", {"a": 1}, {"a"}) != kinded("view", {"a": True}, {"a"})
    assert len(alike([kinded("view", {}, {"a"}), kinded("view", {"a": 1}, {"a"})])) == 2
    assert alike([]) == []


def test_a_group_is_a_frame():
    frame = frame_of([kinded("view", {"a": 1}, {"a"}), kinded("buy", {"a": 2}, {"a"})])
    assert frame.equals(pl.DataFrame({"event": ["view", "buy"], "a": [1, 2]}))
    for value in ([1], {"x": 1}):
        with pytest.raises(ValueError, match="values of an event must be numbers, texts or times"):
            events([value])
