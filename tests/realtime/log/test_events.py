import json
from datetime import date

import numpy as np
import pytest

from mmrec.realtime.log.events import (
    Event,
    EventLog,
    NewEvent,
    check_event,
    check_text,
    plain_values,
)


@pytest.mark.parametrize(
    "event",
    [
        NewEvent("u" * 256, "i" * 1024, "k" * 256, 0.0, "d" * 256),
        NewEvent("ü", 2**63 - 1, time=1.5),
        NewEvent("u", -(2**63)),
    ],
)
def test_what_is_within_the_limits_passes(event):
    check_event(event)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (NewEvent("", "i"), "user: expected a text of 1 to 256 characters; got 0 characters"),
        (NewEvent("u" * 257, "i"), "user: .* got 257 characters"),
        (NewEvent("\ud800", "i"), "user: .* UTF-8"),
        (NewEvent(5, "i"), "user: .* got int"),
        (NewEvent("u", "i", event_type=""), "event_type: .* got 0 characters"),
        (NewEvent("u", "i", id=""), "id: .* got 0 characters"),
        (NewEvent("u", ""), "item: .* 1 to 1,024 characters; got 0"),
        (NewEvent("u", "i" * 1025), "item: .* got 1,025 characters"),
        (NewEvent("u", 2**63), "item: expected an integer of 64 bits; got 64 bits"),
        (NewEvent("u", True), "item: expected a text or an integer; got bool"),
        (NewEvent("u", 1.0), "item: expected a text or an integer; got float"),
        (NewEvent("u", "i", time=float("nan")), "time: .* got nan"),
        (NewEvent("u", "i", time=float("-inf")), "time: .* got -inf"),
        (NewEvent("u", "i", time=-1.5), "time: expected seconds since 1970, .* got -1.5$"),
        (NewEvent("u", "i", time=1.7e12), "before the year 2200; .* looks like milliseconds$"),
        (NewEvent("u", "i", time=True), "time: .* got True"),
        (NewEvent("u", "i", time="1"), "time: .* got '1'"),
    ],
)
def test_what_is_beyond_the_limits_is_refused(event, message):
    with pytest.raises(ValueError, match=message):
        check_event(event)


def test_values_are_kept_as_json_has_them():
    given = {
        "watched": np.float64(0.5),
        "stars": np.int8(4),
        "liked": np.bool_(True),
        "day": date(2026, 12, 1),
        "share": float("inf"),
        "none": None,
        "title": "ü",
    }
    kept = plain_values(given)
    assert kept == {
        "watched": 0.5,
        "stars": 4,
        "liked": True,
        "day": "2026-12-01",
        "share": None,
        "none": None,
        "title": "ü",
    }
    assert json.loads(json.dumps(kept, allow_nan=False)) == kept
    assert plain_values({}) is plain_values(None) is None


def test_an_error_doesnt_repeat_the_users_id():
    with pytest.raises(ValueError) as caught:
        check_text("user", "secret" * 100)
    assert "secret" not in str(caught.value)


def test_an_event_cant_be_changed():
    event = Event(1, "u", "i", "view", 0.0)
    with pytest.raises(AttributeError):
        event.user = "v"


def test_the_contract_is_checked_at_run_time():
    assert not isinstance(object(), EventLog)
