import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.sampling import union_log_inclusion
from mmrec.sampling.inclusion import at_least_once, frequencies


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_union_is_one_minus_the_product(probabilities):
    with np.errstate(divide="ignore"):
        logs = [np.log(np.array([p])) for p in probabilities]
    expected = 1 - np.prod([1 - p for p in probabilities])
    assert np.exp(union_log_inclusion(*logs)) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(st.floats(0, 1), st.integers(1, 6))
def test_at_least_once_is_a_union_of_equal_sets(p, draws):
    with np.errstate(divide="ignore"):
        log_p = np.log(np.array([p]))
    expected = np.exp(union_log_inclusion(*[log_p] * draws))
    assert np.exp(at_least_once(np.array([p]), draws)) == pytest.approx(expected, abs=1e-12)


def test_frequencies_ignore_padding_and_leave_the_counts_alone():
    counts = np.array([7, 4, 0, 1])
    assert frequencies(counts, alpha=1.0) == pytest.approx([0, 0.8, 0, 0.2])
    assert frequencies(counts, alpha=0.0) == pytest.approx([0, 0.5, 0, 0.5])
    assert counts.tolist() == [7, 4, 0, 1]
