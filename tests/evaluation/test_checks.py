"""Faults that are planted must be caught."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmrec.data import Catalog, Interactions, leave_one_out, split_by_time
from mmrec.evaluation import (
    check_once,
    check_split,
    evaluate,
    rank_targets,
    summarize,
    summarize_ranks,
)

V = 30
CATALOG = Catalog({"item_id": range(1, V + 1)})


def log_of(count=300, seed=0):
    rng = np.random.default_rng(seed)
    return Interactions(
        {
            "user_id": rng.integers(0, 20, count),
            "item_id": rng.integers(1, V + 1, count),
            "timestamp": rng.integers(0, 1000, count),
        }
    )


SPLITS = [split_by_time(log_of(), CATALOG), leave_one_out(log_of(), CATALOG)]
by_split = pytest.mark.parametrize("split", SPLITS, ids=["time", "leave-one-out"])


class Constant:
    def scores(self, histories):
        return torch.full((len(histories), V + 1), 0.25)


def with_events(split, **columns):
    return replace(split, sequences=replace(split.sequences, **columns))


@by_split
def test_what_the_library_splits_is_right(split):
    check_split(split)


@by_split
def test_a_future_event_in_the_history_is_caught(split):
    target = split.targets("test")[-1]
    time = split.sequences.time.copy()
    time[target - 1] = time[target] + 1  # what comes after the target is put before it
    leak = with_events(split, time=time)
    with pytest.raises(
        ValueError, match=r"must not hold the future; .* after an event of a later time"
    ):
        check_split(leak)
    for measure in (evaluate, rank_targets):
        with pytest.raises(ValueError, match="must not hold the future"):
            measure(Constant(), leak)


@by_split
def test_training_on_what_follows_the_test_is_caught(split):
    part = split.part.copy()
    held = [p for p in split.targets("test") if p + 1 not in split.sequences.offsets]
    if held:
        part[held[0] + 1] = 0
    else:
        part[split.targets("test")[0] - 1] = 2
        part[split.targets("test")[0]] = 0
    with pytest.raises(ValueError, match="after an event of a later part"):
        check_split(replace(split, part=part))


def test_a_part_that_reaches_into_the_next_is_caught():
    split = SPLITS[0]
    events = split.sequences
    last = events.offsets[1:][np.diff(events.offsets) > 0] - 1
    late = next(p for p in last if split.part[p] == 2)
    part = split.part.copy()
    user = int(np.searchsorted(events.offsets, late, side="right") - 1)
    part[events.offsets[user] : late + 1] = 0  # all of one user trains, whatever the instant
    with pytest.raises(ValueError, match="must have its train part before its valid part"):
        check_split(replace(split, part=part))
    check_split(replace(split, part=part, name="by-user"))


@by_split
def test_a_user_who_is_there_twice_is_caught(split):
    users = [*split.sequences.users[:-1], split.sequences.users[0]]
    twice = with_events(split, users=users)
    with pytest.raises(ValueError, match="each user once; 1 are repeated"):
        check_split(twice)
    with pytest.raises(ValueError, match="each user once"):
        evaluate(Constant(), twice)


@by_split
def test_events_without_a_part_or_an_owner_are_caught(split):
    with pytest.raises(ValueError, match="one part for each"):
        check_split(replace(split, part=split.part[:-1]))
    with pytest.raises(ValueError, match="one part for each"):
        check_split(with_events(split, offsets=split.sequences.offsets + 1))


def test_a_target_that_is_ranked_twice_is_caught():
    split = SPLITS[0]
    ranks = rank_targets(Constant(), split)
    rows = [*range(len(ranks.rank)), 0]  # as a distributed sampler pads
    padded = replace(
        ranks,
        rank=ranks.rank[rows],
        target=ranks.target[rows],
        position=ranks.position[rows],
        top=ranks.top[rows],
    )
    with pytest.raises(ValueError, match="ranked once; got 1 more than once"):
        summarize_ranks(padded, padded, split)
    check_once(ranks.position)


@by_split
@pytest.mark.parametrize("targets", ["per-step", "last"])
def test_equal_scores_are_no_hits(split, targets):
    ranks = rank_targets(Constant(), split, targets=targets)
    assert summarize(ranks, V)["hr@10"] == 0
    everything = rank_targets(Constant(), split, filter_seen=False, targets=targets)
    assert everything.rank.eq(len(split.candidates)).all()


def test_equal_scores_put_all_targets_of_a_list_last():
    split = SPLITS[0]
    ranks = rank_targets(Constant(), split, filter_seen=False, targets="all")
    for row in range(len(ranks.top)):
        mine = sorted(ranks.rank[ranks.row == row].tolist())
        assert mine == list(range(V - len(mine) + 1, V + 1))
