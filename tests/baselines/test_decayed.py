import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.baselines import EASE
from mmrec.baselines.decayed import check_decay, decayed, with_decay
from mmrec.data import Histories


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=5), st.sampled_from([0.3, 1.0]))
def test_weights_are_powers_from_the_end(lengths, decay):
    weights = decayed(Histories.of_items([[7] * length for length in lengths]), decay)
    for length, row in zip(lengths, weights.tolist(), strict=True):
        assert row[:length] == pytest.approx([decay**k for k in range(length)][::-1])
        assert not any(row[length:])


@pytest.mark.parametrize("decay", [0.0, -1.0, 1.1, float("nan")])
def test_a_wrong_decay_is_refused(decay):
    with pytest.raises(ValueError, match="decay must be above 0 and at most 1; got"):
        check_decay(decay)
    with pytest.raises(ValueError, match="decay must be above 0 and at most 1; got"):
        with_decay(EASE(), decay)


def test_another_decay_leaves_the_first_as_it_is():
    first = EASE(l2=3.0, decay=0.9)
    made = with_decay(first, 0.5)
    assert (first.decay, made.decay, made.l2) == (0.9, 0.5, 3.0)
