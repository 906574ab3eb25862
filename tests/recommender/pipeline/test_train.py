import logging
import os
import warnings

import pytest
import torch

from mmrec.data import Catalog, Interactions
from mmrec.evaluation import evaluate
from mmrec.models import CatalogScorer, encode_catalog
from mmrec.recommender.content import Context, modalities_of, read_content
from mmrec.recommender.pipeline.assemble import Recipe, build_model
from mmrec.recommender.pipeline.data import split_log
from mmrec.recommender.pipeline.train import check_devices, quiet, train, training_device


@pytest.fixture
def prepared(chain, options):
    """Split, content and an untrained model."""

    def make(**changes):
        events, items = chain(users=16)
        chosen, catalog = options(**changes), Catalog(items)
        split, recipe = (
            split_log(Interactions(events), chosen, catalog),
            Recipe({"negatives": "full"}),
        )
        context = Context(chosen.dim, split.train_counts.nonzero()[0])
        content = read_content(modalities_of(chosen), catalog, context)
        torch.manual_seed(chosen.seed)
        model, _ = build_model(recipe, chosen, content.encoders, event_types=("cart", "view"))
        return model, chosen, recipe, split, content

    return make


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_it_ends_with_the_best_epoch(prepared, ema):
    model, options, recipe, split, content = prepared(epochs=6, lr=0.5, dropout=0.5, ema=ema)
    report = train(model, options, recipe, split, content, progress=False).history
    curve = report["valid_curve"]
    assert report["epochs"] == len(curve) <= 6
    assert curve[report["best_epoch"] - 1] == max(curve)
    assert not model.training
    vectors = encode_catalog(model.items, content.sources, split.catalog_size)
    scorer = CatalogScorer(model, vectors, torch.from_numpy(split.train_counts))
    best = evaluate(scorer, split, "valid", max_length=options.max_length)["ndcg@10"]
    assert best == pytest.approx(max(curve), abs=1e-5)


def test_it_stops_when_validation_does_not_improve(prepared):
    model, options, recipe, split, content = prepared(epochs=30, patience=1, lr=1e-9)
    report = train(model, options, recipe, split, content, progress=False).history
    assert report["epochs"] == 2


def test_it_leaves_nothing_behind(prepared, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    before = logging.getLogger("lightning.pytorch").level, list(warnings.filters)
    train(*prepared(epochs=1), progress=False)
    assert list(tmp_path.iterdir()) == []
    assert (logging.getLogger("lightning.pytorch").level, list(warnings.filters)) == before
    assert capfd.readouterr() == ("", "")


def test_more_devices_than_there_are(prepared, monkeypatch):
    from lightning import Trainer
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    def refuse(self, **options):
        raise MisconfigurationException("You requested gpu: [0, 1]\n But your machine has: [0]")

    monkeypatch.setattr(Trainer, "__init__", refuse)
    with pytest.raises(ValueError, match=r"requested gpu: \[0, 1\] But your machine"):
        train(*prepared(devices=2), progress=False)


def test_more_processes_than_cores(fit, monkeypatch):
    for name in ("cuda", "backends.mps"):
        monkeypatch.setattr(f"torch.{name}.is_available", lambda: False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    check_devices("auto")
    check_devices(2)
    with pytest.raises(
        ValueError, match="devices must be at most 2, the number of CPU cores; got 7"
    ):
        fit(devices=7)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    check_devices(7)


def test_quiet_hides_advice_only():
    with quiet():
        warnings.warn("The 'val_dataloader' does not have many workers which may be", stacklevel=1)
        with pytest.warns(UserWarning, match="something else"):
            warnings.warn("something else", stacklevel=1)


def test_each_process_has_a_device_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert training_device() == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert training_device() == torch.device("cuda", 0)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert training_device() == torch.device("cuda", 1)
