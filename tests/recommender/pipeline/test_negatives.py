from functools import partial

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from mmrec.data import Catalog, Interactions, windows
from mmrec.losses import gbce_loss, softmax_loss
from mmrec.recommender.parts import SLOTS
from mmrec.recommender.pipeline.assemble import Recipe
from mmrec.recommender.pipeline.data import split_log
from mmrec.recommender.pipeline.negatives import make_loss, make_sampler
from mmrec.sampling import (
    FullSampler,
    InBatchSampler,
    PopularitySampler,
    UniformSampler,
    UnionSampler,
)


@pytest.fixture
def split(chain, options):
    events, items = chain(users=20, items=14)
    never = pl.col("item_id").is_in(["i3", "i4"])
    log = Interactions(pl.DataFrame(events).filter(~never))
    return split_log(log, options(split="time"), Catalog(items))


@pytest.mark.parametrize("name", SLOTS["loss"].names)
def test_all_losses_are_called_alike(name):
    logits, target = torch.randn(3, 5), torch.tensor([1, 2, 4])
    loss = make_loss(Recipe({"loss": name}))
    assert loss(logits, target, torch.ones(5).bool(), torch.zeros(5)).isfinite()


@pytest.mark.parametrize(
    "given",
    [
        partial(gbce_loss, marg=1),
        {"class_path": "mmrec.losses.gbce_loss", "init_args": {"marg": 1}},
    ],
)
def test_a_loss_takes_no_unknown_argument(given):
    with pytest.raises(
        ValueError, match=r"^loss: mmrec.losses.gbce_loss takes .*; got \['marg'\]$"
    ):
        make_loss(Recipe({"loss": given}))


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, logits, target, candidates, log_q):
        return softmax_loss(logits * self.scale, target, candidates, log_q)


def test_each_training_begins_with_the_weights_of_the_loss_that_was_given():
    given = Scaled()
    first, second = (make_loss(Recipe({"loss": given})) for _ in range(2))
    assert len({id(one.scale) for one in (given, first, second)}) == 3
    assert first.scale.item() == second.scale.item() == 2


@pytest.mark.parametrize("negatives", SLOTS["negatives"].names)
def test_negatives_are_trained_items(split, options, negatives):
    pool = make_sampler(Recipe({"negatives": negatives}), options(pool_size=4), split)
    trained = set(np.flatnonzero(split.train_counts).tolist())
    rng = np.random.default_rng(0)
    drawn = {item for _ in range(50) for item in pool.draw(rng).tolist()}
    assert drawn == (set() if negatives == "in-batch" else trained)
    log_q = pool.log_inclusion(np.array(sorted(trained)))
    assert np.isfinite(log_q).all()
    assert (log_q <= 0).all()
    kinds = {
        "in-batch": InBatchSampler,
        "popularity": PopularitySampler,
        "uniform": UniformSampler,
        "mixed": UnionSampler,
    }
    assert isinstance(pool, kinds.get(negatives, FullSampler))


@pytest.mark.parametrize("trained", [False, True])
def test_fewer_are_drawn_where_each_is_encoded(split, options, trained):
    recipe = Recipe({"negatives": "uniform"})
    pool = make_sampler(recipe, options(), split, trains_encoders=trained)
    assert pool.size == (512 if trained else 2048)
    assert make_sampler(recipe, options(pool_size=7), split, trains_encoders=trained).size == 7


def test_in_batch_counts_the_targets_that_a_batch_has(split, options):
    chosen = options(max_length=200, batch_size=4)
    spans = windows(split.train, 200)
    pool = make_sampler(Recipe({"negatives": "in-batch"}), chosen, split)
    assert pool.positions == round(4 * (np.diff(spans).mean() - 1))


def test_auto_negatives(split, options, monkeypatch):
    assert isinstance(make_sampler(Recipe(), options(), split), FullSampler)
    trained = make_sampler(Recipe(), options(), split, trains_encoders=True)
    assert isinstance(trained, InBatchSampler)
    monkeypatch.setattr("mmrec.recommender.parts.slots.FULL_UP_TO", 5)
    assert isinstance(make_sampler(Recipe(), options(), split), PopularitySampler)
