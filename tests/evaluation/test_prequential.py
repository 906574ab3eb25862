from dataclasses import replace

import numpy as np
import pytest
import torch

from mmrec.baselines import Markov
from mmrec.data import Catalog, Interactions, leave_one_out, split_by_time, to_sequences
from mmrec.evaluation import rank_targets
from mmrec.evaluation.learners import Frozen, OnlineMarkov
from mmrec.evaluation.prequential import follow, prequential

V = 12
CATALOG = Catalog({"item_id": range(1, V + 1)})


def random_log(count=300, seed=0, times=150):
    rng = np.random.default_rng(seed)
    return Interactions(
        {
            "user_id": rng.integers(0, 25, count),
            "item_id": rng.integers(1, V + 1, count),
            "timestamp": rng.integers(0, times, count),  # with ties
            "event": rng.choice(["view", "cart"], count),
        }
    )


SPLIT = split_by_time(random_log(), CATALOG)


class Recorder:
    """Records its calls; its scores depend on all updates."""

    def __init__(self):
        self.calls = []
        self.counts = torch.zeros(V + 1)

    def scores(self, histories):
        self.calls.append(("test", histories))
        return self.counts.repeat(len(histories), 1)

    def update(self, events):
        self.calls.append(("learn", events))
        self.counts.index_add_(0, events.item, torch.ones(len(events)))


class Cheat:
    """Memorizes which item follows each history."""

    def __init__(self):
        self.known = {}

    def scores(self, histories):
        scores = torch.zeros(len(histories), V + 1)
        for row, history in enumerate(histories.items.tolist()):
            item = self.known.get(tuple(filter(None, history)))
            if item is not None:
                scores[row, item] = 1.0
        return scores

    def update(self, events):
        for history, item in zip(
            events.histories.items.tolist(), events.item.tolist(), strict=True
        ):
            self.known[tuple(filter(None, history))] = item


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_no_event_is_learned_before_it_is_tested(batch_size):
    # Each user walks on from an item of their own, so no two histories are equal.
    walks = [[(user + step) % V + 1 for step in range(6)] for user in range(V)]
    log = Interactions(
        {
            "user_id": [user for _ in range(6) for user in range(V)],
            "item_id": [walks[user][step] for step in range(6) for user in range(V)],
            "timestamp": range(6 * V),
        }
    )
    events, cheat = to_sequences(log, CATALOG), Cheat()
    options = {"catalog_size": V, "batch_size": batch_size, "filter_seen": False}
    start = float(V)  # from the second step of everyone
    first = prequential(cheat, events, start, **options)
    assert first.rank.eq(V).all()  # all items are tied
    assert len(cheat.known) == len(first.rank) == 5 * V
    again = prequential(cheat, events, start, **options)  # an update before the test would show
    assert again.rank.eq(1).all()


@pytest.mark.parametrize("batch_size", [1, 8])
def test_micro_batches_equal_a_loop(batch_size):
    events, learner = SPLIT.sequences, Recorder()
    owner, start = events.owner, 60.0
    result = prequential(learner, SPLIT, start, batch_size=batch_size, max_length=4)
    order = sorted(range(len(events.item)), key=lambda e: (events.time[e], e))
    order = [e for e in order if events.time[e] >= start]
    assert result.position.tolist() == order
    assert result.time.tolist() == events.time[order].tolist()
    assert [call[0] for call in learner.calls] == ["test", "learn"] * -(-len(order) // batch_size)
    counts, ranks = [0.0] * (V + 1), iter(result.rank.tolist())
    for number, (_, seen) in enumerate(learner.calls[1::2]):
        batch = order[number * batch_size : (number + 1) * batch_size]
        assert seen.item.tolist() == events.item[batch].tolist()
        assert seen.user.tolist() == owner[batch].tolist()
        assert seen.event_type.tolist() == events.event_type[batch].tolist()
        assert seen.time.tolist() == events.time[batch].tolist()
        assert seen.histories is learner.calls[2 * number][1]
        for row, event in enumerate(batch):
            before = [e for e in range(event) if owner[e] == owner[event]]
            kept = [e for e in seen.histories.items[row].tolist() if e]
            assert kept == events.item[before[-4:]].tolist()
            gaps = seen.histories.gap[row, : len(kept)].tolist()
            assert gaps == events.gap[before[-4:]].tolist()
            target, before_it = int(events.item[event]), set(events.item[before].tolist())
            others = [i for i in range(1, V + 1) if i != target and i not in before_it]
            rank = 1 + sum(counts[i] >= counts[target] for i in others)
            assert next(ranks) == (V + 1 if target in before_it else rank)
        for event in batch:
            counts[int(events.item[event])] += 1


@pytest.mark.parametrize("filter_seen", [True, False])
def test_what_does_not_learn_has_the_ranks_of_the_usual_protocol(filter_seen):
    scorer = Markov().fit(SPLIT.train, V)
    expected = rank_targets(scorer, SPLIT, filter_seen=filter_seen)
    result = prequential(Frozen(scorer), SPLIT, "test", filter_seen=filter_seen, batch_size=5)
    ranks = dict(zip(expected.position.tolist(), expected.rank.tolist(), strict=True))
    assert dict(zip(result.position.tolist(), result.rank.tolist(), strict=True)) == ranks
    assert (np.diff(result.time) >= 0).all()


def test_candidates_of_a_split_are_what_is_ranked():
    log = Interactions({"user_id": ["u"] * 4, "item_id": [1, 2, 3, 4], "timestamp": range(4)})
    split = leave_one_out(log, CATALOG)
    result = prequential(Recorder(), split, 3.0, filter_seen=False)
    assert result.rank.tolist() == [4]  # last of four candidates, though V is 12


def test_learning_on_follows_a_drift_and_the_curve_shows_it():
    rng, steps = np.random.default_rng(0), 60
    users = np.tile(np.arange(10), steps)
    step = np.repeat(np.arange(steps), 10)
    walk = rng.integers(0, V, 10)
    jump = np.where(step < 40, 1, 5)  # what follows what changes at step 40
    items = (walk[users] + np.cumsum(np.where(users == 0, jump, 0))) % V + 1
    log = Interactions({"user_id": users, "item_id": items, "timestamp": np.arange(len(users))})
    events, drift = to_sequences(log, CATALOG), 400
    past = events.keep(events.time < 300)
    curves = {}
    for name, learner in {
        "frozen": Frozen(Markov().fit(past, V)),
        "online": OnlineMarkov(V, half_life=5.0).fit(past),
    }.items():
        result = prequential(
            learner, events, 300.0, catalog_size=V, filter_seen=False, batch_size=10
        )
        assert len(result.rank) == 300
        curves[name] = result.curve("hr@1", window=50)
        assert result.faded("hr@1", factor=0.95)[-1] == pytest.approx(curves[name][-1], abs=0.1)
    before, after = drift - 300 - 1, -1
    assert curves["frozen"][before] == curves["online"][before] == 1.0
    assert curves["frozen"][after] == 0.0
    assert curves["online"][after] > 0.9
    assert curves["online"].min() < 0.9  # the new law must be observed before it is learned


def test_it_can_be_followed_batch_by_batch():
    whole = prequential(OnlineMarkov(V), SPLIT, "valid", batch_size=16)
    parts = list(follow(OnlineMarkov(V), SPLIT, "valid", batch_size=16))
    assert torch.cat([part.rank for part in parts]).equal(whole.rank)
    assert {len(part.rank) for part in parts[:-1]} == {16}


def test_a_leak_of_the_future_is_caught():
    time = SPLIT.sequences.time.copy()
    time[1] = time.max() + 1  # the first user's second event is later than the third
    leak = replace(SPLIT.sequences, time=time)
    with pytest.raises(ValueError, match="must not hold the future"):
        prequential(OnlineMarkov(V), leak, 0.0, catalog_size=V)


def test_bad_input():
    events = SPLIT.sequences
    with pytest.raises(ValueError, match="expects catalog_size with sequences"):
        prequential(OnlineMarkov(V), events, 0.0)
    with pytest.raises(ValueError, match="at or before the last event; got 1000"):
        prequential(OnlineMarkov(V), SPLIT, 1000.0)
    with pytest.raises(ValueError, match=r"part must be one of .*; got 'later'"):
        prequential(OnlineMarkov(V), SPLIT, "later")
    with pytest.raises(ValueError, match="'leave-one-out' split overlap in time; got 'test'"):
        prequential(OnlineMarkov(V), leave_one_out(random_log(), CATALOG), "test")
    with pytest.raises(ValueError, match="must be 1 or more; got 0 and 200"):
        prequential(OnlineMarkov(V), SPLIT, batch_size=0)
    with pytest.raises(ValueError, match=r"scores must be \(64, 13\).*; got \(64, 4\)"):
        prequential(OnlineMarkov(3), SPLIT, 0.0)
