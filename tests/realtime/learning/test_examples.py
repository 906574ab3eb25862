import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data import Catalog, Histories, Interactions, to_sequences
from mmrec.evaluation import Observed
from mmrec.realtime.learning.examples import Examples, examples_of, joined, windows_of

V = 40


def numbered(users, steps=3, fresh=1):
    """One example a user: user u meets u + 1, u + 2 … and then u."""
    items = [[user + step + 1 for step in range(steps)] for user in users]
    user = torch.tensor(users)
    return Examples(
        user, Histories.of_items(items), user + 100, user * 0, torch.full_like(user, fresh)
    )


def of_log(events, targets, lengths):
    """What a stream gives for the events at ``targets`` of one log, user by user."""
    rows = [
        events.item[at - length : at].tolist() for at, length in zip(targets, lengths, strict=True)
    ]
    owner = torch.from_numpy(events.owner[targets])
    item, time = torch.from_numpy(events.item[targets]), torch.from_numpy(events.time[targets])
    return Observed(owner, item, torch.zeros_like(item), time.double(), Histories.of_items(rows))


def learned(examples):
    """(user, items before, target) of everything that is to be learned."""
    found = []
    for row, targets in enumerate(examples.targets.tolist()):
        for place, target in enumerate(targets):
            if target:
                before = examples.histories.items[row, : place + 1].tolist()
                found.append((int(examples.user[row]), tuple(before), target))
    return sorted(found)


def random_log(seed, users=4, events=30):
    rng = np.random.default_rng(seed)
    log = Interactions(
        {
            "user_id": rng.integers(users, size=events),
            "item_id": rng.integers(1, V + 1, size=events),
            "timestamp": np.arange(events),
        }
    )
    return to_sequences(log, Catalog({"item_id": range(1, V + 1)}))


@given(seed=st.integers(0, 1000), cut=st.integers(0, 29))
@settings(max_examples=15, deadline=None)
def test_a_batch_is_learned_as_if_event_by_event(seed, cut):
    events = random_log(seed)
    targets = np.argsort(events.time, kind="stable")[cut:]
    lengths = targets - events.offsets[events.owner[targets]]
    expected = sorted(
        (int(events.owner[at]), tuple(events.item[at - length : at].tolist()), int(events.item[at]))
        for at, length in zip(targets, lengths, strict=True)
        if length
    )
    assert learned(examples_of(of_log(events, targets, lengths))) == expected


@given(seed=st.integers(0, 1000), window=st.integers(1, 8))
@settings(max_examples=15, deadline=None)
def test_windows_have_every_event_but_a_users_first_as_target_once(seed, window):
    events = random_log(seed)
    examples = windows_of(events, window)
    assert examples.histories.items.shape[1] <= window
    found = sorted((user, target) for user, _, target in learned(examples))
    later = np.ones(len(events.item), dtype=bool)
    later[events.offsets[:-1]] = False
    pairs = zip(events.owner[later].tolist(), events.item[later].tolist(), strict=True)
    assert found == sorted(pairs)


def test_joined_keeps_the_targets_of_both():
    first, second = numbered([1, 2], steps=2), numbered([3], steps=5, fresh=4)
    both = joined(first, second)
    assert learned(both) == sorted(learned(first) + learned(second))
    assert len(both) == 3
