import json

import pytest

from mmrec.trends import AGE_KNOTS, TrendWeights


def test_weights_are_written_and_read():
    weights = TrendWeights(0.5, -0.25, tuple(map(float, range(12))))
    assert TrendWeights.from_dict(json.loads(json.dumps(weights.to_dict()))) == weights


@pytest.mark.parametrize(
    "weights",
    [
        TrendWeights(now=1.0),
        TrendWeights(static=-1.0),
        TrendWeights(age=(0.0,) * len(AGE_KNOTS) + (1.0,)),
    ],
)
def test_any_weight_makes_it_active(weights):
    assert weights.active


def test_no_weight_and_a_wrong_length():
    assert not TrendWeights().active
    with pytest.raises(ValueError, match="age must have 12 values; got 2"):
        TrendWeights(age=(1.0, 2.0))
