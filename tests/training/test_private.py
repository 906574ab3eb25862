import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from mmrec.baselines import Popularity
from mmrec.data import TableSource, load_pool
from mmrec.encoders import FeatureEncoder, IdEncoder, TextEncoder
from mmrec.evaluation import evaluate
from mmrec.fusion import SiameseFusion
from mmrec.losses import bce_loss, bpr_loss, softmax_loss
from mmrec.models import CatalogScorer, encode_catalog, gru4rec, lrurec, sasrec
from mmrec.sampling import FullSampler, UniformSampler
from mmrec.scoring import MLPScorer
from mmrec.training import UserBatches, train_privately
from mmrec.training.private import (
    check_model,
    check_weightless,
    private_step,
    trained_parameters,
    user_gradients,
)

pytest.importorskip("opacus")
from opacus.optimizers import DPOptimizer

BUILDERS = {"gru": gru4rec, "sasrec": sasrec, "lru": lrurec}


@pytest.fixture
def features():
    """Two modalities of frozen features; some items lack one."""

    def make(size):
        rng = np.random.default_rng(0)
        present = np.arange(size + 1) > 0
        some = present & (np.arange(size + 1) % 5 > 0)
        return {
            "text": TableSource(rng.normal(size=(size + 1, 24)).astype(np.float32), present),
            "image": TableSource(rng.normal(size=(size + 1, 10)).astype(np.float32), some),
        }

    return make


def model_of(build=gru4rec, **options):
    torch.manual_seed(0)
    defaults = {"dim": 16, "dropout": 0.0, "time_gap": True, "num_event_types": 2}
    encoders = {"text": FeatureEncoder(24), "image": FeatureEncoder(10)}
    return build(encoders, **(defaults | options))


def batches_of(made, sources, negatives=None, **options):
    items = np.arange(1, made.catalog_size + 1)
    negatives = FullSampler(items) if negatives is None else negatives
    return UserBatches(made.train, sources, negatives, **({"batch_size": 99} | options))


@pytest.mark.parametrize("loss", [softmax_loss, bpr_loss, bce_loss])
@pytest.mark.parametrize("interest", BUILDERS)
def test_gradients_are_those_of_each_user_alone(split, features, interest, loss):
    made = split(users=5, steps=8, items=20)
    sources, model = features(20), model_of(BUILDERS[interest]).eval()
    batches = batches_of(made, sources, UniformSampler(np.arange(1, 21), 4), max_length=4)
    pool, users = batches.draw()
    found = list(user_gradients(model, loss, pool, users))
    drawn = pool.items[pool.candidates].numpy()
    assert len(found) == 5
    for user, gradients in zip(users, found, strict=True):
        # As if there were nobody else: a pool of the candidates and the user's own items.
        own = np.union1d(drawn, pool.items[torch.cat([user.history, user.target], 1)].numpy())
        chosen = np.isin(own, drawn)
        log_q = np.where(chosen, batches.negatives.log_inclusion(own), 0.0)
        alone = load_pool(own, sources, chosen, log_q)
        history, target = (
            torch.searchsorted(alone.items, pool.items[slots])
            for slots in (user.history, user.target)
        )
        batch = replace(user, history=history, target=target, pool=alone)
        model.zero_grad()
        output = model(batch)
        loss(output.logits, output.target, output.candidates, output.log_q).backward()
        for gradient, parameter in zip(gradients, trained_parameters(model), strict=True):
            expected = parameter.new_zeros(()) if parameter.grad is None else parameter.grad
            torch.testing.assert_close(gradient, expected.expand_as(gradient), atol=1e-6, rtol=1e-4)


def stepped(gradients, *, noise=0.0, clip=0.5):
    """Change of weights that start at zero, by plain steps of size one."""
    parameters = [torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(50, 20))]
    optimizer = DPOptimizer(
        torch.optim.SGD(parameters, lr=1.0),
        noise_multiplier=noise,
        max_grad_norm=clip,
        expected_batch_size=1,
        secure_mode=True,
    )
    private_step(optimizer, parameters, gradients)
    return torch.cat([value.detach().flatten() for value in parameters])


def gradient(scale, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return tuple(scale * torch.randn(shape, generator=generator) for shape in ((3,), (50, 20)))


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e6])
def test_one_user_moves_the_sum_by_the_clipping_norm_at_most(scale):
    others = [gradient(0.01 * seed, seed) for seed in range(1, 5)]
    moved = stepped([*others, gradient(scale)]) - stepped(others)
    length = math.sqrt(sum(float(part.square().sum()) for part in gradient(scale)))
    assert float(moved.norm()) == pytest.approx(min(length, 0.5), rel=1e-3)


def test_noise_is_of_the_promised_size_and_there_where_nobody_takes_part():
    assert (stepped([]) == 0).all()
    noise = stepped([], noise=3.0)
    assert float(noise.std()) == pytest.approx(1.5, rel=0.12)
    assert abs(float(noise.mean())) < 0.2


def trained(made, sources, **options):
    model = model_of(num_event_types=0, dropout=0.1, **options.pop("model", {}))
    batches = batches_of(made, sources, batch_size=options.pop("batch_size", 20))
    defaults = {"epsilon": 8.0, "delta": 1e-4, "epochs": 1}
    return model, train_privately(model, batches, softmax_loss, **(defaults | options))


class Tempered(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.temperature = torch.nn.Parameter(torch.tensor(3.0))


def test_a_loss_with_weights_is_refused():
    with pytest.raises(ValueError, match=r"without weights .*; got \['temperature'\] in Tempered"):
        check_weightless(Tempered())
    check_weightless(Tempered().requires_grad_(False))
    check_weightless(softmax_loss)


def test_what_was_reached_is_close_to_what_was_asked_for(split, features):
    made = split(users=60, steps=6)
    _, report = trained(made, features(12), epsilon=3.0, max_grad_norm=0.7, epochs=2)
    assert 0.99 * 3.0 < report["epsilon"] <= 3.0
    assert report["steps"] == 2 * 3
    assert report["sample_rate"] == pytest.approx(1 / 3)
    assert (report["delta"], report["max_grad_norm"]) == (1e-4, 0.7)
    assert (report["unit"], report["users"], report["accountant"]) == ("user", 60, "rdp")
    assert report["noise_multiplier"] > 0.5
    assert any("metrics" in what for what in report["not_covered"])


def test_a_pattern_is_learned_with_a_large_budget(split, features):
    made, sources = split(users=100), features(12)
    budget = {"epsilon": 500.0, "epochs": 10, "batch_size": 25}
    model, _ = trained(made, sources, lr=0.03, ema=0.8, **budget)
    vectors = encode_catalog(model.items, sources, 12)
    scorer = CatalogScorer(model, vectors, torch.from_numpy(made.train_counts))
    popular = evaluate(Popularity().fit(made.train, 12), made)["with_seen"]["ndcg@10"]
    assert evaluate(scorer, made)["with_seen"]["ndcg@10"] > 0.7 > 0.5 > popular


def test_the_noise_does_not_depend_on_the_seed_and_the_generator_is_left_as_it_was(split, features):
    made, sources = split(users=20, steps=6), features(12)
    weights = []
    for _ in range(2):
        torch.manual_seed(5)
        model, _ = trained(made, sources)
        weights.append(torch.cat([value.flatten() for value in trained_parameters(model)]))
        after = torch.rand(1)
        model_of(num_event_types=0, dropout=0.1)  # seeds as `trained` did
        assert torch.equal(after, torch.rand(1))
    assert not torch.equal(*weights)


def test_models_that_break_privacy_are_refused(bert_folder):
    ids = gru4rec({"id": IdEncoder(9, 8), "text": FeatureEncoder(4)}, dim=8)
    with pytest.raises(ValueError, match=r"has no id vectors, .*; leave out ids"):
        check_model(ids)
    with pytest.raises(ValueError, match=r"needs frozen features; \['text'\] have encoders"):
        check_model(gru4rec({"text": TextEncoder.from_pretrained(str(bert_folder))}, dim=8))
    with pytest.raises(ValueError, match="needs the scorer 'dot'; the model has a reranker"):
        check_model(model_of(reranker=MLPScorer(16, 16)))
    fusion = SiameseFusion({"text": 4, "image": 4}, 8, alignment=0.1)
    pair = {"text": FeatureEncoder(4), "image": FeatureEncoder(4)}
    with pytest.raises(ValueError, match=r"no auxiliary loss, .*; got SiameseFusion with .* 0.1"):
        check_model(gru4rec(pair, dim=8, fusion=fusion))
    check_model(gru4rec(pair, dim=8, fusion=SiameseFusion(fusion.dims, 8, alignment=0.0)))


def test_weights_that_are_not_finite_stop_it(split, features):
    with pytest.raises(ValueError, match=r"weights are no longer finite .*; try a lower lr"):
        trained(split(users=20, steps=6), features(12), lr=float("inf"))


def test_without_opacus_the_extra_is_named(monkeypatch, split, features):
    monkeypatch.setitem(sys.modules, "opacus", None)
    monkeypatch.setitem(sys.modules, "opacus.optimizers", None)
    with pytest.raises(ImportError, match=r"needs Opacus: pip install 'mmrec\[privacy\]'"):
        trained(split(users=20, steps=6), features(12))
