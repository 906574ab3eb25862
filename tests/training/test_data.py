import pickle
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning import Callback

from mmrec.data import Catalog, Interactions, split_by_time, windows
from mmrec.data.splits import target_users
from mmrec.sampling import FullSampler, UniformSampler
from mmrec.training import SequenceDataModule, WindowBatches

SPANS = st.lists(st.integers(2, 9), min_size=1, max_size=40)


def cut(lengths):
    """Spans of these lengths, one after the other."""
    ends = np.cumsum(lengths)
    return np.stack([ends - lengths, ends], axis=1)


@settings(max_examples=60, deadline=None)
@given(SPANS, st.integers(1, 7), st.integers(1, 12), st.integers(0, 3))
def test_unique_items_are_bounded_and_every_window_is_there_once(lengths, size, most, seed):
    spans = cut(np.array(lengths))
    items = np.random.default_rng(seed).integers(1, 15, size=spans[-1, 1])
    sampler = WindowBatches(spans, size, seed=seed, items=items, max_items=most)
    for epoch in range(4):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(batches) == len(sampler)  # whatever the epoch
        assert sorted(row for batch in batches for row in batch) == list(range(len(spans)))
        for batch in batches:
            assert 0 < len(batch) <= size
            unique = {item for row in batch for item in items[slice(*spans[row])]}
            assert len(unique) <= most or len(batch) == 1


@settings(max_examples=30, deadline=None)
@given(SPANS, st.integers(1, 7))
def test_without_a_limit_batches_are_full(lengths, size):
    sampler = WindowBatches(cut(np.array(lengths)), size)
    batches = list(sampler)
    assert len(batches) == len(sampler) == -(-len(lengths) // size)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))


@pytest.mark.parametrize("limit", [False, True])
def test_the_order_depends_on_seed_and_epoch_alone(limit):
    spans = cut(np.random.default_rng(0).integers(2, 9, size=50))
    options = {"items": np.arange(spans[-1, 1]) % 30, "max_items": 20} if limit else {}

    def order(seed, epoch):
        sampler = WindowBatches(spans, 4, seed=seed, **options)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(0, 3) == order(0, 3)
    assert order(0, 0) != order(0, 1) != order(0, 2)
    assert order(0, 1) != order(1, 1)


def test_an_order_that_needs_more_batches_than_there_are_steps():
    spans = cut(np.random.default_rng(0).integers(2, 9, size=40))
    items = np.random.default_rng(1).integers(1, 99, size=spans[-1, 1])
    sampler = WindowBatches(spans, 5, items=items, max_items=12)
    sampler.length = len(sampler._cut(0))
    needs = [len(sampler._cut(epoch)) for epoch in range(30)]
    unlucky = int(np.argmax(needs))
    assert needs[unlucky] > sampler.length
    sampler.set_epoch(unlucky)
    batches = list(sampler)
    assert len(batches) == sampler.length
    assert batches != sampler._cut(0)
    assert sorted(batches) == sorted(sampler._cut(0))


class Watch(Callback):
    """Writes down the targets of each training epoch, and which events were validated."""

    def __init__(self):
        self.epochs, self.steps, self.unique, self.validated = [], [], [], []

    def on_train_epoch_start(self, trainer, pl_module):
        self.epochs.append([])

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.epochs[-1].append(batch.pool.items[batch.target[batch.target > 0]].tolist())
        used = torch.cat([batch.history.flatten(), batch.target.flatten()]).unique()
        self.unique.append((int((used > 0).sum()), len(batch)))

    def on_validation_epoch_start(self, trainer, pl_module):
        self.validated.append([])

    def on_validation_batch_end(
        self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0
    ):
        self.validated[-1] += batch.position.tolist()


@pytest.mark.parametrize("max_items", [None, 7])
def test_lightning_shuffles_anew_each_epoch_and_validates_after_each(split, fit, max_items):
    made, watch = split(users=12), Watch()
    fit(made, epochs=3, data={"max_items": max_items}, trained={"callbacks": [watch]})
    spans = windows(made.train, 6)
    expected = Counter(made.train.item[1:].tolist())
    for start in made.train.offsets[1:-1]:
        expected[int(made.train.item[start])] -= 1  # the first event of a user is no target
    assert len(watch.epochs) == len(watch.validated) == 3
    assert len({len(epoch) for epoch in watch.epochs}) == 1
    for epoch in watch.epochs:
        assert Counter(item for batch in epoch for item in batch) == expected
    assert len({str(epoch) for epoch in watch.epochs}) == 3
    assert len(spans) > 8
    for unique, size in watch.unique:
        assert max_items is None or unique <= max_items or size == 1


def test_validation_counts_each_event_once(split, fit):
    made, watch = split(), Watch()
    fit(made, trained={"callbacks": [watch]})
    assert sorted(watch.validated[0]) == made.targets("valid").tolist()


def test_validation_histories_are_the_last_events(split, sources):
    made = split(users=5)
    data = SequenceDataModule(made, sources(made), FullSampler(made.candidates), max_length=3)
    for batch in data.val_dataloader():
        users = target_users(made, batch.position)
        for row, (position, user) in enumerate(zip(batch.position, users, strict=True)):
            start = max(made.sequences.offsets[user], position - 3)
            history = batch.histories.items[row]
            assert history[history > 0].tolist() == made.sequences.item[start:position].tolist()
            assert batch.target[row] == made.sequences.item[position]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_with_any_number_of_workers(split, sources, workers):
    made = split(users=10)
    pool = UniformSampler(made.candidates, 3)
    expected = list(SequenceDataModule(made, sources(made), pool, batch_size=4).train_dataloader())
    data = SequenceDataModule(made, sources(made), pool, batch_size=4, workers=workers)
    got = list(data.train_dataloader())
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert torch.equal(one.history, other.history)
        assert torch.equal(one.target, other.target)
        assert torch.equal(one.pool.items, other.pool.items)


def test_what_a_worker_needs_can_be_pickled(split, sources):
    made = split(users=5)
    data = SequenceDataModule(made, sources(made), FullSampler(made.candidates))
    dataset = data.train_dataloader().dataset
    assert len(pickle.loads(pickle.dumps(dataset))[[0]]) == len(dataset[[0]]) == 1


def test_training_may_see_other_content(split, sources):
    made = split(users=5)
    changed = sources(made)
    changed["id"].table[1:] = changed["id"].table[:0:-1].copy()
    data = SequenceDataModule(
        made, sources(made), FullSampler(made.candidates), train_sources=changed
    )
    batch = next(iter(data.train_dataloader()))
    assert batch.pool.content["id"].tolist() == list(range(12, 0, -1))


def test_a_log_without_a_user_of_two_events_is_refused():
    events = {
        "user_id": [f"u{i}" for i in range(10)],
        "item_id": ["a", "b"] * 5,
        "timestamp": list(range(10)),
    }
    made = split_by_time(Interactions(events), Catalog({"item_id": ["a", "b"]}))
    data = SequenceDataModule(made, {}, FullSampler(made.candidates))
    with pytest.raises(ValueError, match="a user with two events or more"):
        data.train_dataloader()
