from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmrec.training import ImpressionDataModule


def identity(batch):
    """Which impressions a batch has: their items and labels, row by row."""
    items = batch.pool.items[batch.candidates]
    pairs = zip(items.tolist(), batch.clicked.tolist(), strict=True)
    return [tuple(i * 2 + c for i, c in zip(*pair, strict=True) if i) for pair in pairs]


def whole(impressions):
    values = impressions.item * 2 + impressions.clicked
    return sorted(tuple(part.tolist()) for part in np.split(values, impressions.offsets[1:-1]))


@pytest.fixture(scope="module")
def made(pages):
    return pages(users=7, pages=5)


def module(made, world=1, rank=0, **options):
    impressions, sources = made
    data = ImpressionDataModule(impressions, impressions, sources, **({"batch_size": 4} | options))
    data.trainer = SimpleNamespace(global_rank=rank, world_size=world)
    return data


def test_each_impression_is_in_one_batch_of_an_epoch(made):
    data = module(made)
    loader = data.train_dataloader()
    orders = []
    for epoch in (0, 0, 1):
        loader.sampler.set_epoch(epoch)
        orders.append([row for batch in loader for row in identity(batch)])
        assert sorted(orders[-1]) == whole(made[0])
    assert orders[0] == orders[1] != orders[2]
    valid = [row for batch in data.val_dataloader() for row in identity(batch)]
    assert sorted(valid) == whole(made[0])


@pytest.mark.parametrize("world", [2, 3, 8])
def test_processes_share_the_impressions_and_take_as_many_steps(made, world):
    for kind in ("train_dataloader", "val_dataloader"):
        shares = [list(getattr(module(made, world, rank), kind)()) for rank in range(world)]
        assert len({len(share) for share in shares}) == 1
        rows = [row for share in shares for batch in share for row in identity(batch)]
        assert sorted(rows) == whole(made[0])


def test_training_draws_and_validation_does_not(made):
    data = module(made, negatives=1)
    drawn = list(data.train_dataloader())
    assert all((batch.shown & ~batch.clicked).sum(1).max() <= 1 for batch in drawn)
    shown = sorted(row for batch in data.val_dataloader() for row in identity(batch))
    assert shown == whole(made[0])


@pytest.mark.parametrize("workers", [0, 1])
def test_an_epoch_has_draws_of_its_own(made, workers):
    """A batch of one impression has the same rows in each epoch."""
    loader = module(made, negatives=1, batch_size=1, workers=workers).train_dataloader()
    drawn = []
    for epoch in (0, 0, 1):
        loader.sampler.set_epoch(epoch)
        drawn.append(sorted(row for batch in loader for row in identity(batch)))
    assert drawn[0] == drawn[1] != drawn[2]


def test_workers_give_the_same_batches(made):
    plain, loaded = (
        [batch.candidates for batch in module(made, negatives=2, workers=w).train_dataloader()]
        for w in (0, 1)
    )
    assert all(torch.equal(a, b) for a, b in zip(plain, loaded, strict=True))


def test_no_impressions_are_refused(made):
    impressions, sources = made
    none = impressions.keep(np.zeros(len(impressions), bool))
    with pytest.raises(ValueError, match="for training and validation; got 35 and 0"):
        ImpressionDataModule(impressions, none, sources)
