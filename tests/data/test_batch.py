import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from mmrec.data import (
    Catalog,
    Collator,
    Interactions,
    RawSource,
    Source,
    TableSource,
    load_pool,
    to_sequences,
    windows,
)
from mmrec.sampling import (
    FullSampler,
    InBatchSampler,
    PopularitySampler,
    Sampler,
    UniformSampler,
    UnionSampler,
    takes_targets,
)

V = 30


class Counting:
    """A modality that remembers what was asked of it; an item's value is its index."""

    def __init__(self, present):
        self.present = np.zeros(V + 1, dtype=bool)
        self.present[present] = True
        self.asked: list[list[int]] = []

    def load(self, items):
        self.asked.append(items.tolist())
        return {"value": torch.from_numpy(items)}


@pytest.fixture(scope="module")
def sequences():
    rng = np.random.default_rng(0)
    log = Interactions(
        {
            "user_id": rng.integers(0, 9, 200),
            "item_id": rng.integers(1, V - 4, 200),
            "timestamp": rng.integers(0, 500, 200),
            "event": rng.choice(["view", "cart"], 200),
        }
    )
    return to_sequences(log, Catalog({"item_id": range(1, V + 1)}))


def collator(sequences, negatives, seed=0, sources=None):
    return Collator(sequences, {} if sources is None else sources, negatives, seed=seed)


def equal(one, two):
    tensors = ["history", "target", "gap", "event_type"]
    pools = ["items", "candidates", "log_q"]
    return all(torch.equal(getattr(one, name), getattr(two, name)) for name in tensors) and all(
        torch.equal(getattr(one.pool, name), getattr(two.pool, name)) for name in pools
    )


@pytest.mark.parametrize(
    "negatives",
    [
        FullSampler(np.arange(1, V + 1)),
        UniformSampler(np.arange(1, V + 1), 5),
        InBatchSampler(np.ones(V + 1), 40),
        UnionSampler([InBatchSampler(np.ones(V + 1), 40), UniformSampler(np.arange(1, V + 1), 3)]),
    ],
)
@pytest.mark.parametrize("batch", [1, 7])
def test_positions_point_at_the_right_items(sequences, negatives, batch):
    assert isinstance(negatives, Sampler)
    spans = windows(sequences, 6)[:batch]
    made = collator(sequences, negatives)(list(spans))
    items = made.pool.items
    assert items[0] == 0
    assert not made.pool.candidates[0]
    assert items.tolist() == sorted(set(items.tolist()))
    assert len(made) == batch
    targets, drawn = set(), set(negatives.draw(np.random.default_rng([0, *spans[:, 0]])).tolist())
    history = set()
    for row, (start, end) in enumerate(spans.tolist()):
        steps = end - start - 1
        rest = made.history.shape[1] - steps
        expected = sequences.item[start:end].tolist()
        assert items[made.history[row]].tolist() == expected[:-1] + [0] * rest
        assert items[made.target[row]].tolist() == expected[1:] + [0] * rest
        assert made.gap[row].tolist() == sequences.gap[start : end - 1].tolist() + [0] * rest
        assert (
            made.event_type[row].tolist()
            == sequences.event_type[start : end - 1].tolist() + [0] * rest
        )
        assert made.mask[row].tolist() == [True] * steps + [False] * rest
        history |= set(expected[:-1])
        targets |= set(expected[1:])
    assert set(items[1:].tolist()) == history | targets | drawn
    joining = targets if takes_targets(negatives) else set()
    assert set(items[made.pool.candidates].tolist()) == joining | drawn
    log_q = negatives.log_inclusion(items[made.pool.candidates].numpy())
    assert made.pool.log_q[made.pool.candidates].tolist() == log_q.astype(np.float32).tolist()
    assert made.pool.log_q[~made.pool.candidates].eq(0).all()


def test_the_draw_depends_on_seed_and_windows_alone(sequences):
    negatives = UniformSampler(np.arange(1, V + 1), 5)
    spans = list(windows(sequences, 6))
    fresh = collator(sequences, negatives)(spans[:4])
    used = collator(sequences, negatives)
    for start in (8, 4, 0, 4, 0):
        again = used(spans[start : start + 4])
    assert equal(fresh, again)
    others = [collator(sequences, negatives, seed=seed)(spans[:4]) for seed in range(1, 6)]
    assert not all(torch.equal(fresh.pool.items, other.pool.items) for other in others)


def test_a_pool_is_not_kept_from_a_batch_that_drew_more():
    # The first batch draws the whole pool of the second, which draws nothing but needs it all.
    class Sometimes:
        draws = iter([np.array([1, 2, 3]), np.empty(0, dtype=np.int64)])

        def draw(self, rng):
            return next(self.draws)

        def log_inclusion(self, items):
            return np.zeros(len(items))

    log = Interactions({"user_id": ["u"] * 3, "item_id": [1, 2, 3], "position": [0, 1, 2]})
    collate = collator(to_sequences(log, Catalog({"item_id": [1, 2, 3]})), Sometimes())
    spans = [np.array([0, 3])]
    assert collate(spans).pool.candidates.tolist() == [False, True, True, True]
    assert collate(spans).pool.candidates.tolist() == [False, False, True, True]


def test_content_is_loaded_for_the_pool_and_present_items_only(sequences):
    odd, none = Counting(np.arange(1, V, 2)), Counting([])
    assert isinstance(odd, Source)
    sources = {"text": odd, "image": none}
    spans = list(windows(sequences, 6))
    pool = collator(sequences, InBatchSampler(np.ones(V + 1), 9), sources=sources)(spans[:3]).pool
    expected = [item for item in pool.items.tolist() if item % 2]
    assert odd.asked == [expected]
    assert none.asked == []
    assert set(pool.content) == {"text"}
    assert pool.content["text"]["value"].tolist() == expected
    assert pool.present["text"].tolist() == [item % 2 == 1 for item in pool.items.tolist()]
    assert not pool.present["image"].any()


def test_the_full_pool_is_loaded_once(sequences):
    source = Counting(np.arange(1, V + 1))
    collate = collator(sequences, FullSampler(np.arange(1, V + 1)), sources={"text": source})
    spans = list(windows(sequences, 6))
    batches = [collate(spans[start : start + 3]) for start in range(0, 12, 3)]
    assert source.asked == [list(range(1, V + 1))]
    assert all(batch.pool is batches[0].pool for batch in batches)
    assert batches[0].pool.candidates.tolist() == [False] + [True] * V


def test_raw_values_are_transformed_anew_for_each_batch(sequences):
    draws = iter(range(10))
    source = RawSource(["text"] * V, lambda values: torch.full((len(values),), next(draws)))
    collate = collator(sequences, FullSampler(np.arange(1, V + 1)), sources={"text": source})
    spans = list(windows(sequences, 6))
    made = [collate(spans[:3]).pool.content["text"][0].item() for _ in range(3)]
    assert made == [0, 1, 2]  # an augmented image is not the same for ever


def test_load_pool_puts_items_in_order():
    source = Counting([2, 5])
    pool = load_pool(np.array([5, 9, 2]), {"text": source})
    assert pool.items.tolist() == [0, 5, 9, 2]
    assert pool.candidates.tolist() == [False, True, True, True]
    assert pool.log_q.tolist() == [0, 0, 0, 0]
    assert pool.present["text"].tolist() == [False, True, False, True]
    assert pool.content["text"]["value"].tolist() == [5, 2]
    assert len(pool) == 4


def test_one_event_and_one_candidate():
    log = Interactions({"user_id": ["u"] * 2, "item_id": [1, 1], "position": [0, 1]})
    sequences = to_sequences(log, Catalog({"item_id": [1]}))
    made = collator(sequences, InBatchSampler(np.array([0, 2]), 1))([np.array([0, 2])])
    assert made.history.tolist() == made.target.tolist() == [[1]]
    assert made.pool.items.tolist() == [0, 1]


def test_moving_a_batch_moves_its_pool(sequences):
    collate = collator(sequences, FullSampler(np.arange(1, V + 1)), sources={"text": Counting([1])})
    moved = collate(list(windows(sequences, 6)[:2])).to("meta")
    assert moved.history.is_meta
    assert moved.pool.items.is_meta
    assert moved.pool.present["text"].is_meta
    assert moved.pool.content["text"]["value"].is_meta


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_worker_processes_make_the_same_batches(sequences):
    table = np.arange(V + 1, dtype=np.float32)[:, None]
    sources = {"feature": TableSource(table, np.arange(V + 1) % 3 == 1)}
    negatives = PopularitySampler(sequences.counts(V), 8)
    collate = collator(sequences, negatives, sources=sources)
    spans = windows(sequences, 6)

    def load(collate, workers):
        return list(DataLoader(spans, batch_size=4, collate_fn=collate, num_workers=workers))

    expected = load(collate, 0)
    for batches in (load(collate, 2), load(pickle.loads(pickle.dumps(collate)), 0)):
        assert len(batches) == len(expected)
        for one, two in zip(batches, expected, strict=True):
            assert equal(one, two)
            assert torch.equal(one.pool.content["feature"], two.pool.content["feature"])
            assert torch.equal(one.pool.present["feature"], two.pool.present["feature"])


def test_features_of_users_are_the_first_step(sequences):
    rows = np.arange(1, len(sequences.users) + 1)
    users = {"kind": TableSource(np.arange(len(rows) + 1.0)[:, None], np.arange(len(rows) + 1) > 0)}
    led = replace(sequences, user_rows=rows)
    spans = windows(led, 3)
    negatives = UniformSampler(np.arange(1, V + 1), 5)
    batch = Collator(led, {}, negatives, users=users)(list(spans))
    starts = batch.users.items[1:] > 0
    assert 0 < starts.sum() < len(spans)  # a few windows are trained without features
    first = np.isin(spans[:, 0], led.offsets)
    for row, (start, end) in enumerate(spans):
        step = int(starts[row])
        length = end - start - 1 + step
        assert batch.mask[row].sum() == length
        items = batch.pool.items[batch.history[row, step:length]].tolist()
        assert items == led.item[start : end - 1].tolist()
        if step:
            assert batch.users.items[row + 1] == led.rows_at(np.array([start]))[0]
            assert (batch.history[row, 0], batch.event_type[row, 0]) == (0, 0)
            assert (batch.gap[row, 0], batch.since[row, 0]) == (-1, -1)
            target = int(batch.pool.items[batch.target[row, 0]])
            assert target == (led.item[start] if first[row] else 0)


def test_without_features_batches_are_as_ever(sequences):
    negatives = UniformSampler(np.arange(1, V + 1), 5)
    spans = list(windows(sequences, 3)[:7])
    led = replace(sequences, user_rows=np.zeros(len(sequences.users), dtype=np.int64))
    plain = collator(sequences, negatives)(spans)
    assert plain.users is None
    assert equal(plain, Collator(led, {}, negatives)(spans))
