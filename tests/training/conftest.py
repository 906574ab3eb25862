import pytest
import torch
from lightning import Trainer

from mmrec.data import Catalog, Interactions, id_source, split_by_time
from mmrec.encoders import IdEncoder
from mmrec.models import gru4rec
from mmrec.recommender.pipeline.train import quiet
from mmrec.sampling import FullSampler
from mmrec.training import SequenceDataModule, SequentialRecommender


@pytest.fixture
def split(chain):
    """Split a made log by time."""

    def make(**options):
        events, items = chain(**options)
        return split_by_time(Interactions(events), Catalog(items))

    return make


@pytest.fixture
def sources():
    """The id of every item."""
    return lambda split: {
        "id": id_source({i: i for i in range(1, split.catalog_size + 1)}, split.catalog_size)
    }


@pytest.fixture
def trainer():
    """Make a quiet trainer on the CPU."""

    def make(**options):
        defaults = {
            "accelerator": "cpu",
            "max_epochs": 1,
            "logger": False,
            "enable_checkpointing": False,
            "enable_model_summary": False,
            "enable_progress_bar": False,
            "num_sanity_val_steps": 0,
        }
        return Trainer(**(defaults | options))

    return make


@pytest.fixture
def fit(sources, trainer):
    """Train a small model on a split; return module, data and trainer."""

    def run(
        split, *, epochs=1, seed=0, model=None, negatives=None, data=None, trained=None, **options
    ):
        torch.manual_seed(seed)
        if model is None:
            model = gru4rec({"id": IdEncoder(split.catalog_size, 16)}, dim=16, dropout=0.1)
        if negatives is None:
            negatives = FullSampler(split.candidates)
        feed = {"batch_size": 8, "max_length": 6, "seed": seed} | (data or {})
        feed.setdefault("sources", sources(split))
        module = SequentialRecommender(model, **({"lr": 0.02} | options))
        with quiet():
            loop = trainer(max_epochs=epochs, **(trained or {}))
            loop.fit(module, datamodule=SequenceDataModule(split, negatives=negatives, **feed))
        return module, loop

    return run
