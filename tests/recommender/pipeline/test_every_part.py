"""A part of every short name takes two steps of training, and scores the same after loading."""

import json
from functools import partial

import pytest
import torch

from mmrec.data import Catalog, Histories, Interactions, TableSource, id_source
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.interest import GRUInterest
from mmrec.models import CatalogScorer, encode_catalog
from mmrec.recommender.parts import SLOTS, PartSpec
from mmrec.recommender.pipeline.assemble import Recipe, assemble, build_model
from mmrec.recommender.pipeline.data import split_log
from mmrec.recommender.pipeline.negatives import make_loss, make_sampler
from mmrec.training import SequenceDataModule, SequentialRecommender
from mmrec.training.optimizers import build_optimizer

SIZE = 12
PARTS = [
    (slot, name)
    for slot in ("fusion", "scorer", "reranker", "loss", "negatives")
    for name in SLOTS[slot].names
]


@pytest.fixture(scope="module")
def content():
    """Ids, and a text that every third item lacks."""
    rng = torch.Generator().manual_seed(0)
    texts, have = torch.randn(SIZE + 1, 5, generator=rng), torch.arange(SIZE + 1) % 3 > 0
    return {
        "id": id_source({item: item for item in range(1, SIZE + 1)}, SIZE),
        "text": TableSource(texts.numpy(), have.numpy()),
    }


@pytest.fixture(scope="module")
def split(chain, options):
    events, items = chain(users=10, steps=8, items=SIZE)
    return split_log(Interactions(events), options(split="time"), Catalog(items))


def encoders():
    return {"id": IdEncoder(SIZE, 8), "text": FeatureEncoder(5)}


def ranked(model, content, split):
    vectors = encode_catalog(model.items, content, SIZE)
    scorer = CatalogScorer(model, vectors, torch.from_numpy(split.train_counts))
    histories = Histories.of_items([[3, 4], [7, 2, 9]])
    exclude = torch.zeros(2, SIZE + 1, dtype=torch.bool)
    exclude[:, 0] = True
    return scorer.rerank(scorer.scores(histories), histories, exclude)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("slot", "name"), PARTS)
def test_it_trains_and_loads_again(split, content, options, slot, name):
    chosen, recipe = options(dim=8, pool_size=6), Recipe({slot: name})
    torch.manual_seed(0)
    model, specs = build_model(recipe, chosen, encoders(), content=["text"])
    before = {key: value.clone() for key, value in model.state_dict().items()}
    sampler = make_sampler(recipe, chosen, split)
    data = SequenceDataModule(split, content, sampler, batch_size=4, max_length=6)
    module = SequentialRecommender(model, loss=make_loss(recipe))
    module.log = lambda *args, **options: None  # there is no trainer
    optimizer = build_optimizer(model, lr=0.02, encoder_lr=0.02, weight_decay=0.01)
    for step, batch in zip(range(2), data.train_dataloader(), strict=False):
        optimizer.zero_grad()
        module.training_step(batch, step).backward()
        optimizer.step()
    trained = model.state_dict()
    assert all(value.isfinite().all() for value in trained.values())
    changed = {key.split(".")[0] for key in trained if not torch.equal(trained[key], before[key])}
    assert changed >= {"items", "interest"} | ({"reranker"} if slot == "reranker" else set())
    written = json.loads(json.dumps({key: spec.to_dict() for key, spec in specs.items()}))
    again = assemble({k: PartSpec.from_dict(v) for k, v in written.items()}, encoders(), [])
    again.load_state_dict(trained)
    expected = ranked(model, content, split)
    assert expected[:, 1:].isfinite().all()
    assert torch.equal(ranked(again, content, split), expected)


@pytest.mark.usefixtures("unchecked")
def test_a_bilinear_scorer_takes_an_interest_of_another_width(options):
    given = {"interest": partial(GRUInterest, interest_dim=6), "scorer": "bilinear"}
    given["reranker"] = "dcn"
    model, specs = build_model(Recipe(given), options(dim=8), encoders(), content=["text"])
    histories, vectors = Histories.of_items([[3, 4]]), torch.randn(SIZE + 1, 8)
    states = model.interests(histories, vectors)
    assert states.shape == (1, 6)
    ranked = model.rerank(model.scores(histories, vectors), states, vectors)
    assert ranked[:, 1:].isfinite().all()
    assert specs["scorer"].init_args == {"dim": 8, "interest_dim": 6}
