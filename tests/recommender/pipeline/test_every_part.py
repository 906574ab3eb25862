"""Parts of every short name, alone and together: two steps of training, saved, loaded, exported."""

import json
from functools import partial

import pytest
import torch

from mmrec.data import Catalog, Histories, Interactions, TableSource, id_source
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.export import model_parts
from mmrec.interest import GRUInterest
from mmrec.models import CatalogScorer, encode_catalog
from mmrec.recommender.parts import SLOTS, PartSpec
from mmrec.recommender.pipeline.assemble import Recipe, assemble, build_model
from mmrec.recommender.pipeline.data import split_log
from mmrec.recommender.pipeline.negatives import make_loss, make_sampler
from mmrec.training import SequenceDataModule, SequentialRecommender
from mmrec.training.optimizers import build_optimizer

SIZE = 12
KINDS = {"float32": torch.float32, "int64": torch.int64, "bool": torch.bool}
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


def trained(recipe, split, content, options, size):
    """Return a model after two steps of training, its parts, and the weights it began with."""
    torch.manual_seed(0)
    chosen = options(dim=8, pool_size=6)
    model, specs = build_model(recipe, chosen, encoders(), content=["text"])
    before = {key: value.clone() for key, value in model.state_dict().items()}
    sampler = make_sampler(recipe, chosen, split)
    data = SequenceDataModule(split, content, sampler, batch_size=size, max_length=6)
    module = SequentialRecommender(model, loss=make_loss(recipe))
    module.log = lambda *args, **options: None  # there is no trainer
    optimizer = build_optimizer(model, lr=0.02, encoder_lr=0.02, weight_decay=0.01)
    for step, batch in zip(range(2), data.train_dataloader(), strict=False):
        optimizer.zero_grad()
        module.training_step(batch, step).backward()
        optimizer.step()
    assert all(value.isfinite().all() for value in model.state_dict().values())
    return model, specs, before


def made_again(model, specs):
    """Return the model that a RUN describes, with the weights of a trained one."""
    written = json.loads(json.dumps({key: spec.to_dict() for key, spec in specs.items()}))
    again = assemble({k: PartSpec.from_dict(v) for k, v in written.items()}, encoders(), [])
    again.load_state_dict(model.state_dict())
    return again


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("slot", "name"), PARTS)
def test_it_trains_and_loads_again(split, content, options, slot, name):
    model, specs, before = trained(Recipe({slot: name}), split, content, options, 4)
    weights = model.state_dict()
    changed = {key.split(".")[0] for key in weights if not torch.equal(weights[key], before[key])}
    assert changed >= {"items", "interest"} | ({"reranker"} if slot == "reranker" else set())
    expected = ranked(model, content, split)
    assert expected[:, 1:].isfinite().all()
    assert torch.equal(ranked(made_again(model, specs), content, split), expected)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("interest", SLOTS["interest"].names)
@pytest.mark.parametrize("scorer", SLOTS["scorer"].names)
def test_every_combination(split, content, options, interest, scorer):
    """With each fusion it trains, scores the same after loading, and the same after export."""
    for fusion in SLOTS["fusion"].names:
        recipe = Recipe({"interest": interest, "fusion": fusion, "scorer": scorer})
        model, specs, before = trained(recipe, split, content, options, 10)
        weights = model.state_dict()
        assert any(not torch.equal(weights[key], before[key]) for key in weights), fusion
        expected = ranked(model, content, split)
        assert expected[:, 1:].isfinite().all()
        assert torch.equal(ranked(made_again(model, specs), content, split), expected), fusion
        same_as_exported(model, content)


def same_as_exported(model, content):
    """Compare the scores of a history with those of the exported parts, one event at a time."""
    model.eval()
    vectors = encode_catalog(model.items, content, SIZE)
    parts, histories = model_parts(model), Histories.of_items([[7, 2, 9]])
    state = [
        torch.zeros([1 if size == "B" else size for size in port.shape], dtype=KINDS[port.dtype])
        for port in parts["step"].inputs[3:]
    ]
    unknown = torch.tensor([-1.0])
    for item in (7, 2, 9):  # events without times and types
        found = parts["step"](vectors[[item]], unknown, torch.tensor([0]), *state)
        state = [found] if isinstance(found, torch.Tensor) else list(found)
    reached = parts["request"](parts["readout"](*state), unknown)
    scores = parts["scorer"](reached, vectors[1:])
    expected = model.scores(histories, vectors)[:, 1:]
    torch.testing.assert_close(scores, expected, atol=1e-4, rtol=1e-4)


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
