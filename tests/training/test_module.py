import numpy as np
import pytest
import torch
from lightning import Callback
from torch import nn

from mmrec.baselines import Popularity
from mmrec.data import RawSource, TableSource
from mmrec.encoders import FeatureEncoder, IdEncoder, ImageEncoder, TextEncoder
from mmrec.evaluation import evaluate, rank_targets
from mmrec.fusion import SiameseFusion
from mmrec.losses import bce_loss, bpr_loss, softmax_loss
from mmrec.metrics import ndcg
from mmrec.models import CatalogScorer, encode_catalog, gru4rec
from mmrec.recommender.pipeline.train import quiet
from mmrec.sampling import (
    FullSampler,
    InBatchSampler,
    PopularitySampler,
    UniformSampler,
    UnionSampler,
)
from mmrec.scoring import MLPScorer
from mmrec.training import MovingAverage, SequenceDataModule, SequentialRecommender


class Steps(Callback):
    """Writes down losses, and the gradients after each step."""

    def __init__(self):
        self.losses, self.gradients = [], []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.losses.append(float(outputs["loss"]))

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.gradients.append(
            {n: p.grad.clone() for n, p in pl_module.named_parameters() if p.grad is not None}
        )

    def check(self):
        assert self.losses
        assert np.isfinite(self.losses).all()
        for gradients in self.gradients:
            for name, gradient in gradients.items():
                assert gradient.isfinite().all(), name


def measured(module, split, sources, part="test"):
    vectors = encode_catalog(module.model.items, sources, split.catalog_size)
    reranker = CatalogScorer(module.model, vectors, torch.from_numpy(split.train_counts))
    return evaluate(reranker, split, part)["with_seen"]["ndcg@10"]


def test_a_planted_pattern_is_learned_and_a_random_order_is_not(split, sources, fit):
    scores = {}
    for shuffled in (False, True):
        made = split(users=60, items=30, shuffled=shuffled)
        module, _ = fit(made, epochs=8, lr=0.04, data={"batch_size": 16})
        popular = Popularity().fit(made.train, made.catalog_size)
        ours = measured(module, made, sources(made))
        scores[shuffled] = ours, evaluate(popular, made)["with_seen"]["ndcg@10"]
    ours, popular = scores[False]
    assert ours > 0.9 > 0.5 > popular
    ours, popular = scores[True]
    assert abs(ours - popular) < 0.15


def pools(split, name):
    counts = split.train_counts
    trained = np.flatnonzero(counts)
    in_batch = InBatchSampler(counts, 40)
    return {
        "full": FullSampler(trained),
        "in-batch": in_batch,
        "popularity": UnionSampler([PopularitySampler(counts, 5), in_batch]),
        "uniform": UniformSampler(trained, 5),
    }[name]


@pytest.mark.parametrize("loss", [softmax_loss, bpr_loss, bce_loss])
@pytest.mark.parametrize("negatives", ["full", "in-batch", "popularity", "uniform"])
def test_every_loss_with_all_negatives(split, fit, loss, negatives):
    made, steps = split(users=16), Steps()
    fit(made, loss=loss, negatives=pools(made, negatives), trained={"callbacks": [steps]})
    steps.check()
    assert len(steps.losses) == 4


def two_modalities(split, *, alignment=0.1, **options):
    rng = np.random.default_rng(0)
    there = np.arange(split.catalog_size + 1)
    table = rng.normal(size=(len(there), 6)).astype(np.float32)
    sources = {
        "text": TableSource(table, there > 2),
        "image": TableSource(table @ rng.normal(size=(6, 5)).astype(np.float32), there % 5 > 0),
    }
    fusion = SiameseFusion({"text": 6, "image": 5}, 16, alignment=alignment)
    encoders = {"text": FeatureEncoder(6), "image": FeatureEncoder(5)}
    return gru4rec(encoders, dim=16, dropout=0.1, fusion=fusion, **options), sources


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_precision_on_the_cpu(split, fit, precision):
    made, steps = split(users=16), Steps()
    model, sources = two_modalities(
        made,
        modality_dropout=0.3,
        reranker=MLPScorer(16, 16),
        time_gap=True,
        num_event_types=2,
        alignment=0.5,
    )
    module, loop = fit(
        made,
        epochs=2,
        model=model,
        data={"sources": sources},
        trained={"callbacks": [steps], "precision": precision, "gradient_clip_val": 1.0},
    )
    steps.check()
    assert loop.optimizers[0].defaults["fused"] is (True if precision == "32-true" else None)
    trained = {name for name, p in module.named_parameters() if p.requires_grad}
    assert set(steps.gradients[0]) == trained
    assert all(p.dtype == torch.float32 for p in module.parameters())
    assert 0 <= loop.callback_metrics["valid_ndcg@10"] <= 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_precision_on_cuda(split, fit, precision):
    made, steps = split(users=16), Steps()
    model, sources = two_modalities(made, reranker=MLPScorer(16, 16), alignment=0.5)
    trained = {"precision": precision, "accelerator": "cuda", "devices": 1, "callbacks": [steps]}
    data = {"sources": sources}
    module, loop = fit(made, epochs=2, model=model, data=data, trained=trained)
    assert np.isfinite(steps.losses).all()
    assert all(p.isfinite().all() for p in module.parameters())
    assert 0 <= loop.callback_metrics["valid_ndcg@10"] <= 1


def test_the_loss_is_read_in_each_step_for_a_progress_bar_alone(split, fit):
    made = split(users=4)
    for bar in (False, True):
        _, loop = fit(made, trained={"enable_progress_bar": bar})
        assert np.isfinite(float(loop.callback_metrics["train_loss"]))
        assert ("train_loss" in loop.progress_bar_metrics) is bar


def test_validation_is_the_protocol(split, sources, fit):
    made = split(users=25, shuffled=True)
    module, loop = fit(made)
    vectors = encode_catalog(module.model.items, sources(made), made.catalog_size)
    reranker = CatalogScorer(module.model, vectors, torch.from_numpy(made.train_counts))
    ranks = rank_targets(reranker, made, "valid", max_length=6).rank
    expected = ndcg(ranks, 10).mean()
    assert float(loop.callback_metrics["valid_ndcg@10"]) == pytest.approx(float(expected))
    assert float(loop.callback_metrics["valid_hr@10"]) == pytest.approx(
        float((ranks <= 10).float().mean())
    )


def test_the_reranker_learns_without_changing_the_other_weights(split, fit):
    made = split(users=16)

    def trained(reranker):
        torch.manual_seed(0)
        model, sources = two_modalities(made, modality_dropout=0.2)
        model.reranker = reranker
        start = None if reranker is None else reranker.score.weight.clone()
        torch.manual_seed(0)
        clipped = {"gradient_clip_val": 0.1}
        module, _ = fit(made, epochs=3, model=model, data={"sources": sources}, trained=clipped)
        return module.model, start

    plain, _ = trained(None)
    model, start = trained(MLPScorer(16, 16))
    assert not torch.equal(model.reranker.score.weight, start)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def _earlier(batch):
    """The slots before each target."""
    return [
        row[: place + 1].tolist()
        for row, targets in zip(batch.history, batch.target, strict=True)
        for place in targets.nonzero().flatten().tolist()
    ]


def test_ranking_loss_is_cross_entropy_over_target_and_short_list(split, sources, stirred):
    made = split(users=6)
    reranker = stirred(MLPScorer(16, 16, dropout=0.0))
    model = gru4rec(
        {"id": IdEncoder(made.catalog_size, 16)}, dim=16, dropout=0.0, reranker=reranker
    )
    model.shortlist = 3
    pool = UniformSampler(made.candidates, 4)
    data = SequenceDataModule(made, sources(made), pool, batch_size=2)
    batch = next(iter(data.train_dataloader()))
    module = SequentialRecommender(model)
    output = model(batch)
    expected = []
    for row, target in enumerate(output.target.tolist()):
        seen = {batch.pool.items[slot].item() for slot in _earlier(batch)[row]}
        columns = [c for c in output.candidates.nonzero().flatten().tolist() if c != target]
        columns = [c for c in columns if batch.pool.items[output.slots[c]].item() not in seen]
        columns.sort(key=lambda column, row=row: -output.logits[row, column].item())
        short = [target, *columns[:3]]
        slots = [output.positives[row].item(), *output.slots[columns[:3]].tolist()]
        added = reranker(output.states[row : row + 1], output.vectors[slots].unsqueeze(0))[0]
        scores = output.logits[row, short] + added
        expected.append(torch.logsumexp(scores, 0) - scores[0])
    loss = module._ranking_loss(reranker, output, batch)
    assert torch.allclose(loss, torch.stack(expected).mean(), atol=1e-5)


def test_alignment_brings_the_modalities_together(split, fit):
    made = split(users=16)
    distances = []
    for weight in (0.0, 5.0):
        torch.manual_seed(0)
        model, sources = two_modalities(made, alignment=weight)
        fit(made, epochs=8, model=model, data={"sources": sources})
        model.eval()
        pool = SequenceDataModule(made, sources, FullSampler(made.candidates)).train_dataloader()
        features, present = model.items.features(next(iter(pool)).pool)
        projected = model.items.fusion.project(features, present)
        both = present["text"] & present["image"]
        text, image = (torch.nn.functional.normalize(v[both], dim=1) for v in projected.values())
        own = (text * image).sum(1).mean()
        distances.append((own - (text @ image.T).mean()).item())
    assert distances[1] > distances[0] + 0.2


def test_a_step_computes_the_loss_it_was_given(split, sources):
    made = split(users=6)
    data = SequenceDataModule(made, sources(made), UniformSampler(made.candidates, 3), batch_size=3)
    batch = next(iter(data.train_dataloader()))
    seen = {}

    def loss(logits, target, candidates, log_q):
        seen.update(logits=logits, target=target, candidates=candidates, log_q=log_q)
        return logits.sum()

    model = gru4rec({"id": IdEncoder(made.catalog_size, 16)}, dim=16, dropout=0.0)
    module = SequentialRecommender(model, loss=loss)
    module.log = lambda *args, **options: None
    output = model(batch)
    assert torch.equal(module.training_step(batch, 0), output.logits.sum())
    assert torch.equal(seen["target"], output.target)
    assert torch.equal(seen["candidates"], output.candidates)
    assert torch.equal(seen["log_q"], batch.pool.log_q[output.slots])


class Tempered(nn.Module):
    """A loss with a weight of its own."""

    def __init__(self):
        super().__init__()
        self.temperature = nn.Parameter(torch.tensor(3.0))

    def forward(self, logits, target, candidates, log_q):
        return softmax_loss(logits / self.temperature, target, candidates, log_q)


def test_the_weights_of_a_loss_are_trained(split, fit):
    module, loop = fit(
        split(users=16), loss=Tempered(), trained={"callbacks": [MovingAverage(0.5)]}
    )
    steps = loop.global_step
    assert steps > 1
    assert 1e-3 < abs(float(module.loss.temperature.detach()) - 3) <= 0.02 * steps


def test_same_seed_same_weights(split, fit):
    made = split(users=16)
    first, again, other = (fit(made, epochs=2, seed=seed)[0].state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not all(torch.equal(value, other[name]) for name, value in first.items())


@pytest.mark.parametrize("tuning", ["full", "last-1", "frozen"])
def test_texts_and_images_end_to_end(split, fit, bert_folder, images, tuning):
    made, steps = split(users=12), Steps()
    text = TextEncoder.from_pretrained(str(bert_folder), max_length=16, tuning=tuning)
    image = ImageEncoder.from_timm("test_vit", pretrained=False, tuning=tuning)
    sources = {
        "text": RawSource(["red shoes", "", *["warm hat a", "lamp"] * 5], text.transform),
        "image": RawSource([*images[:11], None], image.transform),
    }
    model = gru4rec({"text": text, "image": image}, dim=16, modality_dropout=0.1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fit(
        made,
        model=model,
        data={"sources": sources, "max_items": 12, "batch_size": 6},
        encoder_lr=1e-3,
        trained={"callbacks": [steps]},
    )
    steps.check()
    changed = {name for name, v in model.state_dict().items() if not torch.equal(v, before[name])}
    for part in ("items.encoders.text.", "items.encoders.image."):
        trained = {n for n, p in model.named_parameters() if n.startswith(part) and p.requires_grad}
        assert {n for n in changed if n.startswith(part)} <= trained
        assert len(changed & trained) >= 0.9 * len(trained)
        assert bool(trained) == (tuning != "frozen")
        for gradients in steps.gradients:
            assert {name.removeprefix("model.") for name in gradients} & trained or not trained
    frozen = {f"model.{n}" for n, p in model.named_parameters() if not p.requires_grad}
    assert not any(frozen & set(gradients) for gradients in steps.gradients)


def test_checkpoints_load_as_plain_tensors(split, fit, trainer, sources, tmp_path):
    made = split(users=12)
    module, loop = fit(made)
    loop.save_checkpoint(tmp_path / "some.ckpt")
    state = torch.load(tmp_path / "some.ckpt", weights_only=True)["state_dict"]
    assert set(state) == {f"model.{name}" for name in module.model.state_dict()}
    other = SequentialRecommender(
        gru4rec({"id": IdEncoder(made.catalog_size, 16)}, dim=16, dropout=0.1)
    )
    other.load_state_dict(state)
    data = SequenceDataModule(made, sources(made), FullSampler(made.candidates), max_length=6)
    with quiet():
        result = trainer().validate(other, datamodule=data, verbose=False)
    assert result[0]["valid_ndcg@10"] == pytest.approx(
        float(loop.callback_metrics["valid_ndcg@10"])
    )
