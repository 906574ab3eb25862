import pytest
import torch

from mmrec.encoders import ImageEncoder, TextEncoder
from mmrec.recommender import Options, Recommender


@pytest.fixture(scope="session", autouse=True)
def tiny_encoders():
    """Picture models are small and untrained here: always the same one for a name."""

    def raw_encoder(modality, options):
        if modality == "text":
            return TextEncoder.from_pretrained(
                options.text_encoder, pooling=options.pooling, tuning=options.tuning
            )
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return ImageEncoder.from_timm(
                options.image_encoder, pretrained=False, tuning=options.tuning
            )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mmrec.recommender.content.raw_encoder", raw_encoder)
        patch.setattr("mmrec.recommender.newcomers.raw_encoder", raw_encoder)
        yield


@pytest.fixture(scope="session")
def options(bert_folder):
    """Small options, all of them stated that cost time."""

    def make(**changes):
        small = {
            "modalities": ("id",),
            "text_encoder": str(bert_folder),
            "image_encoder": "test_vit",
            "negatives": "full",
            "dim": 16,
            "dropout": 0.1,
            "max_length": 6,
            "batch_size": 8,
            "epochs": 2,
            "ema": 0.0,
            "lr": 0.02,
            "encoder_lr": 1e-3,
            "devices": 1,
            "seed": 0,
        }
        return Options(**(small | changes))

    return make


@pytest.fixture(scope="session")
def fit(chain, options, pictures):
    """Train a recommender on a made log."""

    def run(*, log=None, cache=None, catalog=None, **changes):
        events, items = chain(**(log or {}))
        return Recommender.fit(
            events,
            items if catalog is None else catalog,
            images=pictures[0].parent,
            cache=cache,
            options=options(**changes),
        )

    return run


@pytest.fixture(scope="session")
def by_id(fit):
    """A recommender that has learnt from ids what follows what; don't change it."""
    return fit(log={"users": 60, "items": 30}, epochs=12)


@pytest.fixture(scope="session")
def by_content(fit):
    """A recommender of items with texts and pictures only; don't change it."""
    return fit(modalities=("text", "image"))


@pytest.fixture
def saved(by_id, tmp_path):
    """A RUN in a folder of its own."""
    by_id.save(tmp_path / "run")
    return tmp_path / "run"
