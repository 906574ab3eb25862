import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.sampling import (
    FullSampler,
    InBatchSampler,
    PopularitySampler,
    Sampler,
    UniformSampler,
    UnionSampler,
    takes_targets,
)

COUNTS = np.array([999, 50, 0, 7, 1, 20, 3, 0])  # index 0 is padding, 2 and 7 are cold
ITEMS = np.arange(1, 8)

POOLS = {
    "full": FullSampler(np.array([5, 1, 3])),
    "uniform": UniformSampler(np.array([6, 1, 2, 4]), size=3),
    "uniform, all": UniformSampler(np.array([6, 1]), size=9),
    "popularity": PopularitySampler(COUNTS, size=4),
    "popularity, linear": PopularitySampler(COUNTS, size=3, alpha=1.0),
    "popularity, flat": PopularitySampler(COUNTS, size=3, alpha=0.0),
    "union": UnionSampler([PopularitySampler(COUNTS, size=2), UniformSampler(ITEMS, size=2)]),
}


def test_in_batch_inclusion_is_that_of_targets_drawn_by_popularity():
    rng, positions, rounds = np.random.default_rng(0), 5, 6000
    frequency = COUNTS[1:] / COUNTS[1:].sum()
    batches = rng.choice(ITEMS, (rounds, positions), p=frequency)
    seen = (batches[:, :, None] == ITEMS).any(1).mean(0)
    pool = InBatchSampler(COUNTS, positions)
    expected = np.exp(pool.log_inclusion(ITEMS))
    error = np.sqrt(expected * (1 - expected) / rounds)
    assert (np.abs(seen - expected) <= 4.5 * error).all()
    assert len(pool.draw(rng)) == 0


def test_popularity_follows_the_exponent():
    weights = COUNTS[1:] ** 0.5
    p = weights / weights.sum()
    got = PopularitySampler(COUNTS, size=4).log_inclusion(ITEMS)
    assert np.exp(got) == pytest.approx(1 - (1 - p) ** 4)


def test_cold_and_padding_are_never_drawn_and_newer_items_have_no_chance():
    pool = PopularitySampler(COUNTS, size=10_000)
    drawn = pool.draw(np.random.default_rng(0))
    assert drawn.tolist() == [1, 3, 4, 5, 6]
    for other in (pool, InBatchSampler(COUNTS, 5), FullSampler(drawn), UniformSampler(drawn, 3)):
        assert np.isneginf(other.log_inclusion(np.array([0, 2, 7, 8, 10**6]))).all()


class Extreme(np.random.Generator):
    """Draws the smallest or the largest number that there is in [0, 1)."""

    def __new__(cls, value):
        return super().__new__(cls)

    def __init__(self, value):
        super().__init__(np.random.PCG64(0))
        self.value = value

    def random(self, size):
        return np.full(size, self.value)


def test_extreme_keys_give_the_first_and_last_item_with_events():
    pool = PopularitySampler(COUNTS, size=3)
    assert pool.draw(Extreme(0.0)).tolist() == [1]
    assert pool.draw(Extreme(np.nextafter(1.0, 0.0))).tolist() == [6]


@settings(deadline=None)
@given(st.integers(1, 10**6), st.floats(1e-300, 1))
def test_tiny_and_certain_probabilities_stay_exact(size, rare):
    counts = np.array([0, 1.0, rare])
    got = PopularitySampler(counts, size, alpha=1.0).log_inclusion(np.array([1, 2]))
    assert np.isfinite(got).all()
    assert (got <= 0).all()
    p = rare / (1 + rare)
    if size * p < 1e-9:  # 1 - (1 - p) ** n is n × p there
        assert got[1] == pytest.approx(np.log(size) + np.log(p), rel=1e-6)
    only = PopularitySampler(np.array([0, 3]), size)
    assert only.log_inclusion(np.array([1])) == 0


def test_a_union_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one sampler; got none"):
        UnionSampler([])


@pytest.mark.parametrize("name", POOLS)
def test_same_generator_same_pool_also_after_pickling(name):
    pool = POOLS[name]
    assert isinstance(pool, Sampler)
    copy = pickle.loads(pickle.dumps(pool))
    first, second = pool.draw(np.random.default_rng(3)), copy.draw(np.random.default_rng(3))
    assert np.array_equal(first, second)
    assert np.array_equal(pool.log_inclusion(ITEMS), copy.log_inclusion(ITEMS))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FullSampler(np.array([0, 1])), r"indices of 1 or more; got \[0 1\]"),
        (lambda: UniformSampler(np.array([], dtype=int), 3), r"indices of 1 or more; got \[\]"),
        (lambda: UniformSampler(ITEMS, 0), "size must be at least 1; got 0"),
        (lambda: PopularitySampler(COUNTS, 0), "size must be at least 1; got 0"),
        (lambda: PopularitySampler(COUNTS, 3, np.nan), "alpha must be a finite number; got nan"),
        (lambda: InBatchSampler(COUNTS, 0), "positions must be at least 1; got 0"),
        (lambda: PopularitySampler(np.array([5, 0]), 1), "one of them positive"),
        (lambda: PopularitySampler(np.array([5, -1, 2]), 1), "0 or more"),
        (lambda: InBatchSampler(np.array([5, np.nan]), 1), "finite values"),
        (lambda: InBatchSampler(np.ones((2, 2)), 1), r"one value per item, \(V\+1,\); got shape"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_only_drawn_items_are_candidates_unless_a_sampler_is_in_batch():
    in_batch, drawn = InBatchSampler(COUNTS, 5), PopularitySampler(COUNTS, size=3)
    assert takes_targets(in_batch)
    assert takes_targets(UnionSampler([drawn, in_batch]))
    assert not takes_targets(drawn)
    assert not takes_targets(UnionSampler([drawn, UniformSampler(ITEMS, 2)]))

    class Own:
        def draw(self, rng):
            return np.array([1])

        def log_inclusion(self, items):
            return np.zeros(len(items))

    assert takes_targets(Own())  # unless it says otherwise
