import numpy as np
import pytest
import torch

from mmrec.baselines import Popularity
from mmrec.data import Catalog, Histories, Interactions, split_by_time
from mmrec.evaluation import evaluate, rank_targets
from mmrec.generative import GenerativeScorer, ItemCodes, tiger
from mmrec.metrics import ndcg
from mmrec.quantization import SemanticIds
from mmrec.quiet import quiet
from mmrec.training import (
    GenerativeRecommender,
    NextItemDataModule,
    NotFiniteError,
    fit_generative,
)


def vectors_of(split):
    return torch.randn(split.catalog_size, 8, generator=torch.Generator().manual_seed(0))


def ids_of(split, levels=2, size=5):
    return SemanticIds.fit(vectors_of(split), levels, size)


def codes_of(split, levels=2):
    return ItemCodes.of(ids_of(split, levels), split.train_counts > 0)


def model_of(codes, **options):
    torch.manual_seed(0)
    return tiger(codes, **({"dim": 32, "layers": 1, "hidden": 64, "max_items": 4} | options))


def trained(split, *, epochs=14, **options):
    codes = codes_of(split)
    model = model_of(codes)
    given = {"batch_size": 32, "lr": 1e-2, "patience": 20} | options
    curve = fit_generative(model, codes, split, epochs=epochs, **given)
    return model, codes, curve


@pytest.fixture(scope="module")
def planted(chain):
    """A log in which each item is followed by the next one, and a model of it."""
    events, items = chain(users=40, items=16)
    split = split_by_time(Interactions(events), Catalog(items))
    return split, *trained(split, epochs=12)


def test_a_planted_pattern_is_learned(planted):
    split, model, codes, curve = planted
    assert curve[-1] > curve[0] + 0.3
    for beam in (None, 5):
        scorer = GenerativeScorer(model, codes, beam=beam)
        ranks = rank_targets(scorer, split, filter_seen=False)
        assert (ranks.rank == 1).double().mean() > 0.9


def test_a_random_order_is_not(split):
    shuffled = split(users=40, items=16, shuffled=True)
    model, codes, _ = trained(shuffled, epochs=4)
    ours = evaluate(GenerativeScorer(model, codes), shuffled)["with_seen"]["ndcg@10"]
    popular = Popularity().fit(shuffled.train, shuffled.catalog_size)
    assert abs(ours - evaluate(popular, shuffled)["with_seen"]["ndcg@10"]) < 0.15


def test_a_new_item_is_found_beside_those_of_its_codes(planted):
    """An item that nobody has interacted with has the vector of item 1, which follows item 16."""
    split, model, *_ = planted
    later = ids_of(split).assign(vectors_of(split)[:1])
    scorer = GenerativeScorer(model, ItemCodes.of(later, np.arange(18) <= 16))
    top = scorer.top(Histories.of_items([[13, 14, 15, 16], [5, 6, 7]]), k=2)
    assert top[0].tolist() == [1, 17]
    assert 17 not in top[1].tolist()


def test_a_seed_gives_the_same_weights_whatever_was_drawn_before(split):
    made = split()
    first, _, curve = trained(made, epochs=2, seed=3)
    torch.rand(5)
    again, _, same = trained(made, epochs=2, seed=3)
    assert same == curve
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    other, _, _ = trained(made, epochs=2, seed=4)
    assert not torch.equal(first.tokens.weight, other.tokens.weight)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    codes = codes_of(made)
    fit_generative(first, codes, made, epochs=1)
    assert torch.equal(torch.get_rng_state(), state)


def test_it_ends_with_the_best_epoch_that_validation_measured(split):
    made = split()
    model, codes, curve = trained(made, epochs=6, max_valid=None)
    assert not model.training
    ranks = rank_targets(GenerativeScorer(model, codes), made, "valid", max_length=4)
    assert float(ndcg(ranks.rank, 10).mean()) == pytest.approx(max(curve), abs=1e-6)


def test_each_training_event_is_a_target_once_with_what_came_before(split):
    made = split(users=7, steps=9)
    data = NextItemDataModule(made, batch_size=5, max_length=3)
    loader, found = data.train_dataloader(), []
    for batch in loader:
        assert len(batch) <= 5
        for row, target in zip(batch.histories.items.tolist(), batch.target.tolist(), strict=True):
            found.append((*[item for item in row if item], target))
    wanted = []
    events = made.train
    for first, stop in zip(events.offsets[:-1], events.offsets[1:], strict=True):
        user = events.item[first:stop].tolist()
        wanted += [tuple(user[max(0, n - 3) : n + 1]) for n in range(len(user))]
    assert sorted(found) == sorted(wanted)
    loader.sampler.set_epoch(1)
    again = [tuple(batch.target.tolist()) for batch in loader]
    assert sorted(sum(again, ())) == sorted(row[-1] for row in wanted)


def test_two_processes_share_the_targets(split, monkeypatch):
    made, found = split(users=7, steps=9), []
    for rank in range(2):
        data = NextItemDataModule(made, batch_size=4)
        monkeypatch.setattr(NextItemDataModule, "_share", lambda _, rank=rank: (rank, 2))
        found += [item for batch in data.train_dataloader() for item in batch.target.tolist()]
    assert sorted(found) == sorted(made.train.item.tolist())


def test_with_a_trainer_of_ones_own(split, trainer):
    made = split()
    codes = codes_of(made)
    module = GenerativeRecommender(model_of(codes), codes, beam=3)
    loop = trainer(max_epochs=1)
    with quiet():
        loop.fit(module, datamodule=NextItemDataModule(made, max_length=4))
    names = {"train_loss", "valid_ndcg@10", "valid_hr@10"}
    assert names <= set(loop.callback_metrics)
    assert all(np.isfinite(float(loop.callback_metrics[name])) for name in names)


def test_errors(split):
    made = split()
    codes = codes_of(made)
    model = model_of(codes)
    with pytest.raises(ValueError, match="of the split, 12 items; got 30"):
        fit_generative(model, codes_of(split(items=30)), made)
    with pytest.raises(ValueError, match="must be 1 or more; got 0, 256 and 8"):
        fit_generative(model, codes, made, epochs=0)
    with pytest.raises(ValueError, match="the model expects items of 3 codes; got 4"):
        fit_generative(model, codes_of(made, levels=3), made)
    torch.nn.init.constant_(model.tokens.weight, torch.nan)
    with pytest.raises(NotFiniteError, match=r"the loss is nan in .*; start anew with a lower lr"):
        fit_generative(model, codes, made, epochs=1)


def test_without_a_target_in_training():
    items = [*"abcdefghij"]
    log = Interactions({"user_id": ["u"] * 10, "item_id": items, "timestamp": range(10)})
    made = split_by_time(log, Catalog({"item_id": items}))
    empty = made.__class__(
        made.name, made.sequences, np.full(10, 2), made.candidates, made.catalog_size
    )
    with pytest.raises(ValueError, match="needs a target in the training part"):
        NextItemDataModule(empty).train_dataloader()
