import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mmrec.data import Catalog, Interactions, leave_one_out, split_by_time
from mmrec.data.splits import TEST, TRAIN, VALID, by_length, seen_before, target_users

ITEMS = list("abcdefgh")
CATALOG = Catalog({"item_id": ITEMS})
EVENT = st.tuples(st.sampled_from("uvwx"), st.sampled_from(ITEMS), st.integers(0, 30))
EVENTS = st.lists(EVENT, min_size=5, max_size=60)


def log_of(events):
    users, items, times = zip(*events, strict=True)
    return Interactions({"user_id": users, "item_id": items, "timestamp": times})


def random_events(count=300, seed=0):
    rng = np.random.default_rng(seed)
    users, items, times = (
        rng.integers(0, 20, count),
        rng.integers(0, 8, count),
        rng.integers(0, 99, count),
    )
    return [
        (f"u{u}", ITEMS[i], t)
        for u, i, t in zip(users.tolist(), items.tolist(), times.tolist(), strict=True)
    ]


def labelled(split):
    """Each event as (user, item, time, part), grouped by user, in order."""
    events = split.sequences
    users = [events.users[row] for row in events.owner]
    items = [ITEMS[item - 1] for item in events.item]
    return list(zip(users, items, events.time.tolist(), split.part.tolist(), strict=True))


def core(events, min_count):
    while True:
        users, items = (Counter(event[i] for event in events) for i in (0, 1))
        kept = [e for e in events if users[e[0]] >= min_count and items[e[1]] >= min_count]
        if kept == events:
            return kept
        events = kept


def grouped(rows):
    by_user: dict[str, list] = {}
    for row in rows:
        by_user.setdefault(row[0], []).append(row)
    return [row for own in by_user.values() for row in own]


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.sampled_from([(0.8, 0.9), (0.5, 0.75)]), st.integers(0, 3))
def test_time_labels_equal_a_loop(events, shares, min_count):
    ordered = sorted(events, key=lambda event: event[2])
    cuts = [ordered[int(len(ordered) * share)][2] for share in shares]
    train = core([event for event in ordered if event[2] < cuts[0]], min_count)
    rows = [(*event, TRAIN) for event in train]
    rows += [(*e, VALID if e[2] < cuts[1] else TEST) for e in ordered if e[2] >= cuts[0]]
    valid, test = shares
    if {part for *_, part in rows} < {TRAIN, VALID, TEST}:
        with pytest.raises(ValueError, match=r"leaves no event in: (train|valid|test)"):
            split_by_time(log_of(events), CATALOG, valid=valid, test=test, min_count=min_count)
        return
    split = split_by_time(log_of(events), CATALOG, valid=valid, test=test, min_count=min_count)
    assert labelled(split) == grouped(rows)
    assert split.options["cuts"] == cuts
    assert split.candidates.tolist() == list(range(1, 9))
    assert split.sizes() == {
        name: sum(part == number for *_, part in rows)
        for number, name in enumerate(["train", "valid", "test"])
    }


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.integers(0, 3))
def test_leave_one_out_labels_equal_a_loop(events, min_count):
    kept = core(sorted(events, key=lambda event: event[2]), min_count)
    counts = Counter(user for user, *_ in kept)
    assume(max(counts.values(), default=0) >= 3)
    left = dict(counts)
    rows = []
    for user, item, time in kept:
        left[user] -= 1
        part = {0: TEST, 1: VALID}.get(left[user], TRAIN) if counts[user] >= 3 else TRAIN
        rows.append((user, item, time, part))
    split = leave_one_out(log_of(events), CATALOG, min_count=min_count)
    assert labelled(split) == grouped(rows)
    assert split.candidates.tolist() == sorted({ITEMS.index(item) + 1 for _, item, _ in kept})


def test_nothing_at_or_after_the_cut_trains():
    events = random_events()
    split = split_by_time(log_of(events), CATALOG)
    valid, test = split.options["cuts"]
    times = split.sequences.time
    assert times[split.targets("train")].max() < valid
    assert times[split.targets("valid")].min() >= valid
    assert times[split.targets("valid")].max() < test
    assert times[split.targets("test")].min() >= test
    assert split.train.time.max() < valid
    assert split.until("valid").time.max() < test
    assert len(split.until("test").item) == len(events)


def test_a_planted_future_event_changes_no_history_and_no_count():
    events = [e for e in random_events() if e[1] != "h"]
    future = [(user, "h", 99) for user in sorted({user for user, *_ in events})]
    split = split_by_time(log_of(events + future), CATALOG)
    planted = ITEMS.index("h") + 1
    assert split.train_counts[planted] == 0
    targets = np.flatnonzero(split.sequences.time <= 98)
    assert planted not in seen_before(split, targets)[1]


@settings(max_examples=50, deadline=None)
@given(EVENTS)
def test_seen_before_equals_a_loop(events):
    counts = Counter(user for user, *_ in events)
    assume(max(counts.values()) >= 3)
    split = leave_one_out(log_of(events), CATALOG)
    targets = np.arange(len(split.part))[::-1].copy()
    rows, items = seen_before(split, targets)
    events_of = split.sequences
    for row, target in enumerate(targets):
        owner = target_users(split, targets)[row]
        assert owner == events_of.owner[target]
        expected = events_of.item[events_of.offsets[owner] : target].tolist()
        assert items[rows == row].tolist() == expected


def test_by_length_has_each_target_once_in_order_of_length():
    split = split_by_time(log_of(random_events()), CATALOG)
    targets = split.targets("test")
    batches = list(by_length(split, targets, 4))
    assert sorted(np.concatenate(batches)) == targets.tolist()
    lengths = [t - split.sequences.offsets[target_users(split, b)] for b in batches for t in [b]]
    assert (np.diff(np.concatenate(lengths)) >= 0).all()
    assert max(map(len, batches)) == 4


def test_k_core_of_the_time_split_looks_at_training_events_only():
    train = [("u", "a", 0), ("u", "a", 1), ("v", "b", 2), ("w", "c", 3)]
    later = [("v", "b", 4), ("v", "b", 5), ("w", "c", 6), ("new", "h", 7)]
    split = split_by_time(log_of(train + later), CATALOG, valid=0.5, test=0.75, min_count=2)
    assert [row for row in labelled(split) if row[3] == TRAIN] == [
        ("u", "a", 0, 0),
        ("u", "a", 1, 0),
    ]
    assert split.sizes() == {"train": 2, "valid": 2, "test": 2}
    assert split.train_counts.tolist() == [0, 2, 0, 0, 0, 0, 0, 0, 0]


def fingerprints(events, catalog=CATALOG):
    log = log_of(events)
    return [
        split_by_time(log, catalog).fingerprint,
        split_by_time(log, catalog, valid=0.7).fingerprint,
        split_by_time(log, catalog, test=0.95).fingerprint,
        split_by_time(log, catalog, min_count=12).fingerprint,
        leave_one_out(log, catalog).fingerprint,
        leave_one_out(log, catalog, min_count=12).fingerprint,
    ]


def test_different_splits_have_different_fingerprints():
    events = random_events()
    before = fingerprints(events)
    assert len(set(before)) == 6
    assert fingerprints(list(events)) == before
    user, item, time = events[7]
    other = "a" if item != "a" else "b"
    for changed in [
        [*events[:7], (user, other, time), *events[8:]],
        [*events[:7], (user, item, time + 0.25), *events[8:]],
        [*events[:7], ("somebody", item, time), *events[8:]],
        [("renamed" if u == user else u, i, t) for u, i, t in events],
        events[:7] + events[8:],
        [*events, (user, item, 99)],
    ]:
        after = fingerprints(changed)
        assert all(a != b for a, b in zip(before[:3], after[:3], strict=True))
        assert before[4] != after[4]
    larger = fingerprints(events, Catalog({"item_id": [*ITEMS, "cold"]}))
    assert larger[0] != before[0]  # one more candidate
    assert fingerprints(events, Catalog({"item_id": ITEMS[::-1]})) == before  # ids, not indices


def test_types_of_events_count_in_fingerprints():
    def made(types, names=("buy", "view")):
        events = {"user_id": ["u"] * 4, "item_id": [*"abab"], "position": range(4)}
        log = Interactions(events | ({"event": types} if types else {}))
        return leave_one_out(log, Catalog({"item_id": ["a", "b"]})).fingerprint

    first = ["buy", "view", "view", "buy"]
    found = [made(None), made(first), made(first[::-1]), made(["view", "buy", "buy", "view"])]
    assert made(first) == found[1] == found[2]  # a palindrome
    assert len(set(found)) == 3


def test_ids_count_in_fingerprints_with_their_type():
    def made(ids):
        rows = {"user_id": ["u"] * 4, "item_id": ids, "timestamp": [1, 2, 3, 4]}
        return leave_one_out(Interactions(rows), Catalog({"item_id": ids})).fingerprint

    several = [made([1, 2, 3, 4]), made(["1", "2", "3", "4"]), made(["1", "2", "3", "5"])]
    assert len(set(several)) == 3


def test_a_tie_decides_who_is_the_target():
    first = log_of([("u", "a", 0), ("u", "b", 1), ("u", "c", 2), ("u", "d", 2)])
    second = log_of([("u", "a", 0), ("u", "b", 1), ("u", "d", 2), ("u", "c", 2)])
    splits = [leave_one_out(log, CATALOG) for log in (first, second)]
    assert [s.sequences.item[s.targets("test")].tolist() for s in splits] == [[4], [3]]
    assert splits[0].fingerprint != splits[1].fingerprint


def test_rows_of_different_users_may_be_shuffled():
    events = random_events()
    order = np.random.default_rng(3).permutation(len(events))
    shuffled = [events[i] for i in order]
    queues = {user: iter([e for e in events if e[0] == user]) for user, *_ in events}
    shuffled = [next(queues[user]) for user, *_ in shuffled]  # a user's own rows stay in order
    for make in (split_by_time, leave_one_out):
        one, two = (make(log_of(rows), CATALOG) for rows in (events, shuffled))
        assert sorted(labelled(one), key=lambda row: row[0]) == sorted(
            labelled(two), key=lambda row: row[0]
        )


def test_a_fingerprint_is_the_same_in_another_process():
    code = (
        "from mmrec.data import *; "
        "log = Interactions({'user_id': list('uvuvuvwxyz') * 3, 'item_id': list('abcde') * 6, "
        "'timestamp': list(range(15)) * 2}); "
        "print(split_by_time(log, Catalog({'item_id': list('abcde')})).fingerprint)"
    )
    log = Interactions(
        {
            "user_id": list("uvuvuvwxyz") * 3,
            "item_id": list("abcde") * 6,
            "timestamp": list(range(15)) * 2,
        }
    )
    here = split_by_time(log, Catalog({"item_id": list("abcde")})).fingerprint
    environment = os.environ | {"PYTHONHASHSEED": "123"}
    there = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == here


@pytest.mark.parametrize("shares", [(0.9, 0.8), (0.0, 0.5), (0.5, 1.0), (0.5, 0.5), (-1.0, 0.5)])
def test_bad_shares(shares):
    with pytest.raises(ValueError, match="0 < valid < test < 1; got valid="):
        split_by_time(log_of(random_events()), CATALOG, valid=shares[0], test=shares[1])


def test_logs_that_cannot_be_split():
    position = Interactions({"user_id": ["u"], "item_id": ["a"], "position": [0]})
    with pytest.raises(ValueError, match="split_by_time expects a timestamp column"):
        split_by_time(position, CATALOG)
    named = Interactions({"user_id": ["u"], "item_id": ["a"], "ts": [5]})
    with pytest.raises(ValueError, match=r"beside .*'ts'.*given as ts=timestamp"):
        split_by_time(named, CATALOG)
    log = log_of([("u", "a", 5)] * 10)
    with pytest.raises(
        ValueError, match=r"time split of 10 events leaves no event in: train, valid"
    ):
        split_by_time(log, CATALOG)
    with pytest.raises(ValueError, match="split_by_time expects events; got an empty log"):
        split_by_time(log.with_frame(log.frame.clear()), CATALOG)
    with pytest.raises(ValueError, match="min_count=99 leaves no event of the 10 in the log"):
        leave_one_out(log, CATALOG, min_count=99)
    with pytest.raises(
        ValueError, match=r"leave-one-out split of 2 events leaves no event in: valid, test"
    ):
        leave_one_out(log_of([("u", "a", 5), ("u", "b", 6)]), CATALOG)


def test_unknown_parts():
    split = split_by_time(log_of(random_events()), CATALOG)
    for method in (split.targets, split.until):
        with pytest.raises(ValueError, match=r"part must be one of .*; got 'dev'"):
            method("dev")


def test_the_error_of_an_empty_part_names_the_options():
    times = [(f"u{number}", "a", number) for number in range(9)] + [("u0", "b", 9)]
    with pytest.raises(
        ValueError,
        match=r"of 2 events \(10 before min_count\) .* train .* lower min_count, or move",
    ):
        split_by_time(log_of(times), CATALOG, min_count=9)
    with pytest.raises(ValueError, match=r"three events: lower min_count, or keep repeats"):
        leave_one_out(log_of(times[:2]), CATALOG)


def test_a_split_with_later_parts_as_training():
    split = split_by_time(log_of(random_events()), CATALOG)
    with_valid, everything = split.training_until("valid"), split.training_until("test")
    for made, part in ((with_valid, VALID), (everything, TEST)):
        assert (made.part == np.where(split.part <= part, TRAIN, split.part)).all()
        expected = np.bincount(split.sequences.item[split.part <= part], minlength=len(ITEMS) + 1)
        assert made.train_counts.tolist() == expected.tolist()
        assert (made.candidates == split.candidates).all()
        assert made.fingerprint == ""
    assert with_valid.targets("test").tolist() == split.targets("test").tolist()
    with pytest.raises(ValueError, match="part must be one of"):
        split.training_until("later")
