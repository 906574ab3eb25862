import numpy as np
import pytest
import torch

from mmrec.data import Catalog, Interactions, TableSource, to_sequences
from mmrec.sampling import FullSampler, UniformSampler
from mmrec.training import UserBatches
from mmrec.training.private_batches import last_windows

ITEMS = 30


def sequences(lengths):
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(len(lengths)), lengths)
    times = np.arange(len(users)) ** 2
    log = {"user_id": users, "item_id": rng.integers(ITEMS, size=len(users)), "timestamp": times}
    return to_sequences(Interactions(log), Catalog({"item_id": np.arange(ITEMS)}))


def made(lengths, negatives=None, **options):
    rows = np.arange(ITEMS + 1)
    source = {"text": TableSource(rows[:, None].astype(np.float32), rows > 0)}
    negatives = FullSampler(rows[1:]) if negatives is None else negatives
    return UserBatches(sequences(lengths), source, negatives, **options)


def test_a_user_has_one_sequence_of_the_last_events():
    assert last_windows(sequences([1, 2, 9]), 3).tolist() == [[1, 3], [8, 12]]


def test_users_without_a_target_are_left_out_and_one_is_needed():
    assert made([1, 2, 1, 3]).users == 2
    with pytest.raises(ValueError, match=r"two events or more .* all 2 of its events"):
        made([1, 1])


def test_sequences_are_those_of_the_log():
    batches = made(
        [2, 9, 5], UniformSampler(np.arange(1, ITEMS + 1), 4), batch_size=9, max_length=6
    )
    assert batches.sample_rate == 1.0
    pool, users = batches.draw()
    log = batches.sequences
    for user, (start, end) in zip(users, batches.spans, strict=True):
        items = log.item[start:end].tolist()
        assert pool.items[user.history[0]].tolist() == items[:-1]
        assert pool.items[user.target[0]].tolist() == items[1:]
        assert user.gap[0].tolist() == log.gap[start : end - 1].tolist()
        assert user.mask.all()


def test_candidates_are_what_was_drawn_whoever_takes_part():
    class Fixed:
        def draw(self, rng):
            return np.array([3, 5])

        def log_inclusion(self, items):
            return np.log(np.where(np.isin(items, [3, 5]), 0.25, 0.0) + 1e-9)

    pool, _ = made([9, 9, 9], Fixed(), batch_size=9).draw()
    assert pool.items[pool.candidates].tolist() == [3, 5]
    assert len(pool) > 10
    torch.testing.assert_close(pool.log_q[pool.candidates].exp(), torch.full((2,), 0.25))
    assert (pool.log_q[~pool.candidates] == 0).all()


def test_the_whole_catalogue_is_loaded_once():
    batches = made([5, 5], batch_size=9)
    assert batches.draw()[0] is batches.draw()[0]


def test_each_user_takes_part_with_the_same_probability_on_their_own():
    batches = made([2] * 40, batch_size=10)
    assert batches.sample_rate == 0.25
    sizes = np.array([len(batches.draw()[1]) for _ in range(400)])
    # A binomial: mean 10, variance 7.5; five standard errors either side.
    assert abs(sizes.mean() - 10) < 5 * (7.5 / 400) ** 0.5
    assert 4.5 < sizes.var() < 10.5


def test_a_step_in_which_nobody_takes_part():
    batches = made([5] * 1000, batch_size=1)
    sizes = {len(batches.draw()[1]) for _ in range(30)}
    assert 0 in sizes
