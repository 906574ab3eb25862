from datetime import date, datetime, timezone

import numpy as np
import pytest

from mmrec.data.conditions.mapping import of_operators


@pytest.mark.parametrize(
    ("operators", "text"),
    [
        ({"=": 1}, "c = 1"),
        ({"==": "x"}, 'c = "x"'),
        ({"=": None}, "c is null"),
        ({"!=": None}, "not c is null"),
        ({"!=": True}, "not c = true"),
        ({"<": np.float64(1.5), ">=": np.int64(1)}, "c < 1.5 and c >= 1"),
        ({"in": [1, 2]}, "c in (1, 2)"),
        ({"in": []}, "c in ()"),
        ({"not in": {"x"}}, 'not c in ("x")'),
        ({"between": (1, 2)}, "c >= 1 and c <= 2"),
        ({"not between": [1, 2]}, "not (c >= 1 and c <= 2)"),
        ({"has": 3}, "c has 3"),
        ({"not has": "x"}, 'not c has "x"'),
        ({"contains": "x"}, 'c contains "x"'),
        ({"not contains": "x"}, 'not c contains "x"'),
        ({">": date(2024, 5, 1)}, "c > 2024-05-01"),
        ({">": datetime(2024, 5, 1, 10)}, "c > 2024-05-01T10:00:00"),
        (
            {">": datetime(2024, 5, 1, 10, tzinfo=timezone.utc)},  # noqa: UP017
            "c > 2024-05-01T10:00:00+00:00",
        ),
    ],
)
def test_operators(operators, text):
    assert str(of_operators("c", operators)) == text


@pytest.mark.parametrize(
    ("operators", "message"),
    [
        ({}, "c needs an operator, one of .*'<'.*; got none"),
        ({"~": 1}, "c must have operators of .*'not in'.*; got '~'"),
        ({"<": None}, "c can be compared with numbers, texts, .*; got None"),
        ({"<": float("nan")}, "got nan"),
        ({"=": {"a": 1}}, "got {'a': 1}"),
        ({"in": "abc"}, "in expects a list for c; got 'abc'"),
        ({"between": [1]}, r"between expects two values for c; got \[1\]"),
        ({"contains": ["a"]}, r"got \['a'\]"),
    ],
)
def test_bad_operators(operators, message):
    with pytest.raises(ValueError, match=message):
        of_operators("c", operators)
