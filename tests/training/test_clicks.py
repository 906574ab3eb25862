import numpy as np
import pytest
import torch

from mmrec.baselines import click_rates
from mmrec.data import RawSource
from mmrec.encoders import FeatureEncoder, TextEncoder
from mmrec.evaluation import report_clicks, score_impressions
from mmrec.fusion import SiameseFusion
from mmrec.interest import GRUInterest
from mmrec.losses import click_loss, click_softmax_loss
from mmrec.models import (
    ClickModel,
    ItemEncoder,
    click_model,
    din,
    encode_catalog,
    naml_clicks,
    nrms_clicks,
)
from mmrec.recommender.pipeline.train import quiet
from mmrec.scoring import DCNScorer, MLPScorer
from mmrec.training import ClickRecommender, ImpressionDataModule


def encoders():
    return {"text": FeatureEncoder(8)}


def mlp_of_gru():
    return click_model(encoders(), GRUInterest, dim=16, dropout=0.1)


@pytest.fixture
def learn(trainer):
    """Train a model on impressions; return the module and the report of its test part."""

    def run(made, model, *, loss=click_loss, epochs=6, lr=0.01, **feed):
        impressions, sources = made
        torch.manual_seed(0)
        train, valid, test = impressions.cut(0.7, 0.8)
        module = ClickRecommender(model(), loss=loss, lr=lr)
        data = ImpressionDataModule(train, valid, sources, batch_size=32, **feed)
        with quiet():
            trainer(max_epochs=epochs).fit(module, datamodule=data)
        vectors = encode_catalog(module.model.items, sources, impressions.catalog_size)
        scores = score_impressions(module.model, test, vectors)
        return module, report_clicks(scores, test), (train, test)

    return run


@pytest.mark.usefixtures("unchecked")
def test_a_planted_rule_is_learned_and_shuffled_labels_are_not(pages, learn):
    found = {}
    for shuffled in (False, True):
        made = pages(users=70, pages=10, shuffled=shuffled)
        found[shuffled] = learn(made, mlp_of_gru, lr=0.02, epochs=4)
    _, report, (train, test) = found[False]
    base = report_clicks(click_rates(train).logit()[test.item], test)
    assert report.auc > 0.8 > 0.65 > base.auc
    assert report.log_loss < base.log_loss - 0.05
    assert report.auc_by_impression > 0.8
    _, noise, _ = found[True]
    assert abs(noise.auc - 0.5) < 0.08


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("model", "loss"),
    [
        (lambda: din(encoders(), dim=16), click_loss),
        (lambda: nrms_clicks(encoders(), dim=16, heads=4), click_softmax_loss),
        (lambda: naml_clicks(encoders(), dim=16), click_softmax_loss),
        (lambda: click_model(encoders(), GRUInterest, scorer=DCNScorer, dim=16), click_loss),
    ],
    ids=["din", "nrms", "naml", "dcn"],
)
def test_every_model_learns_the_rule_and_no_shuffled_labels(pages, learn, model, loss):
    negatives = 4 if loss is click_softmax_loss else None
    found = {}
    for shuffled in (False, True):
        made = pages(users=50, pages=10, shuffled=shuffled)
        _, report, _ = learn(made, model, loss=loss, lr=0.02, epochs=4, negatives=negatives)
        found[shuffled] = report.auc_by_impression
    assert found[False] > 0.8
    assert abs(found[True] - 0.5) < 0.1


def test_what_is_logged_is_the_report_of_the_validation_part(pages, trainer):
    impressions, sources = pages(users=20, pages=6)
    train, valid = impressions.cut(0.7)
    torch.manual_seed(0)
    module = ClickRecommender(mlp_of_gru(), lr=0.05)
    data = ImpressionDataModule(train, valid, sources, batch_size=7)
    with quiet():
        loop = trainer(max_epochs=1)
        loop.fit(module, datamodule=data)
    vectors = encode_catalog(module.model.items, sources, impressions.catalog_size)
    report = report_clicks(score_impressions(module.model, valid, vectors), valid)
    logged = {name: float(value) for name, value in loop.callback_metrics.items()}
    assert logged["valid_auc"] == pytest.approx(report.auc_by_impression, abs=1e-5)
    assert logged["valid_ndcg@10"] == pytest.approx(report.ndcg_at_10, abs=1e-5)
    assert logged["valid_log_loss"] == pytest.approx(report.log_loss, abs=1e-5)
    assert np.isfinite(logged["train_loss"])


def test_the_loss_of_a_step_is_that_of_the_model_and_its_parts(pages):
    impressions, sources = pages(users=5, pages=3)
    sources = sources | {"image": sources["text"]}
    fusion = SiameseFusion({"text": 8, "image": 8}, 8, alignment=0.5)
    items = ItemEncoder({"text": FeatureEncoder(8), "image": FeatureEncoder(8)}, fusion)
    model = ClickModel(items, GRUInterest(8), MLPScorer(8, 8, dropout=0.0))
    module = ClickRecommender(model, loss=click_softmax_loss)
    module.log = lambda *args, **options: None  # there is no trainer
    data = ImpressionDataModule(impressions, impressions, sources)
    for batch in data.train_dataloader():
        output = model(batch)
        expected = click_softmax_loss(output.logits, batch.clicked, batch.shown)
        expected = expected + 0.5 * fusion.auxiliary_loss(output.items)
        torch.testing.assert_close(module.training_step(batch, 0), expected)


def test_texts_end_to_end(pages, trainer, bert_folder):
    """A trained text encoder has a learning rate of its own, and each text is encoded once."""
    impressions, _ = pages(users=4, pages=2, items=12)
    text = TextEncoder.from_pretrained(str(bert_folder), max_length=16, tuning="full")
    sources = {"text": RawSource(["red shoes", "warm hat", ""] * 4, text.transform)}
    model = nrms_clicks({"text": text}, dim=16, heads=2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    module = ClickRecommender(model, loss=click_softmax_loss, lr=0.02, encoder_lr=1e-3)
    data = ImpressionDataModule(impressions, impressions, sources)
    with quiet():
        trainer(max_epochs=1).fit(module, data)
    groups = module.optimizers().param_groups
    of_text = {id(parameter) for parameter in text.parameters()}
    for group in groups:
        apart = {id(parameter) in of_text for parameter in group["params"]}
        assert apart == {group["initial_lr"] == 1e-3}
    changed = {n for n, value in model.state_dict().items() if not torch.equal(value, before[n])}
    assert {name.split(".")[0] for name in changed} == {"items", "interest"}
    assert any(name.startswith("items.encoders.text") for name in changed)


@pytest.mark.parametrize("precision", ["bf16-mixed"])
def test_half_precision(pages, trainer, precision):
    impressions, sources = pages(users=10, pages=4)
    module = ClickRecommender(mlp_of_gru(), lr=0.05)
    data = ImpressionDataModule(*impressions.cut(0.7), sources)
    with quiet():
        loop = trainer(max_epochs=1, precision=precision)
        loop.fit(module, data)
    assert np.isfinite(float(loop.callback_metrics["train_loss"]))
    assert all(p.isfinite().all() for p in module.parameters())
