import numpy as np
import pytest
import torch

from mmrec.data import Histories
from mmrec.realtime.learning.examples import Examples
from mmrec.realtime.learning.replay import Reservoir

V = 40


def numbered(users, steps=3, fresh=1):
    """One example a user: user u meets u + 1, u + 2 … and then u."""
    items = [[user + step + 1 for step in range(steps)] for user in users]
    user = torch.tensor(users)
    return Examples(
        user, Histories.of_items(items), user + 100, user * 0, torch.full_like(user, fresh)
    )


def learned(examples):
    """(user, items before, target) of everything that is to be learned."""
    found = []
    for row, targets in enumerate(examples.targets.tolist()):
        for place, target in enumerate(targets):
            if target:
                before = examples.histories.items[row, : place + 1].tolist()
                found.append((int(examples.user[row]), tuple(before), target))
    return sorted(found)


def test_the_last_events_of_a_history_are_kept():
    reservoir = Reservoir(4, window=2)
    reservoir.add(numbered([7], steps=6, fresh=6), np.random.default_rng(0))
    assert learned(reservoir.sample(1, np.random.default_rng(0))) == [
        (7, (12,), 13),
        (7, (12, 13), 107),
    ]


@pytest.mark.parametrize("batch", [3, 30])
def test_each_example_is_as_likely_to_stay(batch):
    size, count, repeats = 5, 30, 60
    stays = np.zeros(count)
    for repeat in range(repeats):
        reservoir, rng = Reservoir(size, window=3), np.random.default_rng([batch, repeat])
        for start in range(0, count, batch):
            reservoir.add(numbered(list(range(start, min(start + batch, count)))), rng)
        assert len(reservoir) == size
        kept = reservoir.sample(size, rng).user.numpy()
        assert len(set(kept.tolist())) == size
        stays[kept] += 1
    # The first, middle and last thirds: 5 standard deviations around what is expected.
    thirds = np.array([part.sum() for part in np.array_split(stays, 3)])
    expected = size * repeats * np.array([10, 10, 10]) / count
    assert (np.abs(thirds - expected) < 5 * np.sqrt(expected)).all()


def test_a_sample_is_of_different_examples_with_their_own_histories():
    reservoir = Reservoir(20, window=3)
    reservoir.add(numbered(list(range(15))), np.random.default_rng(0))
    sample = reservoir.sample(6, np.random.default_rng(1))
    users = sample.user.tolist()
    assert len(set(users)) == 6
    assert sample.histories.items.tolist() == [[u + 1, u + 2, u + 3] for u in users]
    assert sample.item.tolist() == [u + 100 for u in users]
    assert len(reservoir.sample(100, np.random.default_rng(1))) == 15
    assert len(Reservoir(0).sample(3, np.random.default_rng(1))) == 0


def test_a_forgotten_user_leaves_nothing():
    reservoir, rng = Reservoir(10, window=3), np.random.default_rng(0)
    reservoir.add(numbered([987654, 1, 2, 987654]), rng)
    assert reservoir.forget(987654) == 2
    assert reservoir.forget(987654) == 0
    assert sorted(reservoir.sample(10, rng).user.tolist()) == [1, 2]
    state = reservoir.state_dict()
    assert not any((tensor >= 987654).any() for tensor in state.values())
    reservoir.add(numbered([3, 4]), rng)  # the places are taken again
    assert sorted(reservoir.sample(10, rng).user.tolist()) == [1, 2, 3, 4]


def test_a_loaded_reservoir_goes_on_as_the_other():
    one, two = Reservoir(5, window=3), Reservoir(5, window=3)
    one.add(numbered(list(range(9))), np.random.default_rng(0))
    two.load_state_dict(one.state_dict())
    for reservoir in (one, two):
        reservoir.add(numbered(list(range(20, 29))), np.random.default_rng(1))
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[name]), name


def test_errors():
    with pytest.raises(ValueError, match=r"size of 0 or more and a positive window; got -1, 50"):
        Reservoir(-1)
    with pytest.raises(ValueError, match=r"items of shape \(4, 4\); got \(5, 4\)"):
        Reservoir(4, window=3).load_state_dict(Reservoir(5, window=3).state_dict())
