import math

import numpy as np
import pytest

from mmrec.trends.terms import clustered_error


def test_the_standard_error_is_that_of_user_sums():
    rng = np.random.default_rng(0)
    clusters = rng.integers(0, 40, 400)
    draws = []
    for _ in range(2000):
        values = rng.normal(size=40)[clusters] + rng.normal(size=400)
        draws.append((values.mean(), clustered_error(values, clusters)))
    means, errors = np.array(draws).T
    assert errors.mean() == pytest.approx(means.std(), rel=0.1)
    assert math.isinf(clustered_error(np.ones(3), np.zeros(3)))
