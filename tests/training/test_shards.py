import numpy as np
import pytest
import torch
from lightning import Callback

from mmrec.data import Catalog, write_shards
from mmrec.encoders import IdEncoder
from mmrec.models import gru4rec
from mmrec.recommender.pipeline.train import quiet
from mmrec.sampling import FullSampler
from mmrec.training import SequentialRecommender, ShardDataModule


@pytest.fixture
def made(split):
    return split(users=40)


@pytest.fixture
def shards(made, tmp_path):
    # Any catalogue will do that is as large as the split's: sequences hold indices.
    catalog = Catalog({"item_id": range(made.catalog_size)})
    return write_shards(made.train, tmp_path / "shards", catalog, group_events=50)


class Watch(Callback):
    """Writes down targets, and saves a checkpoint after some step."""

    def __init__(self, path=None, step=None):
        self.path, self.step, self.targets = path, step, []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.targets.append(batch.pool.items[batch.target[batch.target > 0]].tolist())
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


def train(made, shards, sources, trainer, *, watch, resume=None, epochs=3, split=True, **options):
    torch.manual_seed(0)
    model = gru4rec({"id": IdEncoder(made.catalog_size, 16)}, dim=16, dropout=0.0)
    module = SequentialRecommender(model, lr=0.02)
    data = ShardDataModule(
        shards,
        sources(made),
        FullSampler(made.candidates),
        split=made if split else None,
        **({"batch_size": 8, "max_length": 6, "buffer": 30} | options),
    )
    with quiet():
        loop = trainer(max_epochs=epochs, callbacks=[watch], limit_val_batches=1.0 if split else 0)
        loop.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    return module, loop


def test_lightning_trains_on_shards(made, shards, sources, trainer):
    watch = Watch()
    _, loop = train(made, shards, sources, trainer, watch=watch, epochs=12)
    assert loop.callback_metrics["valid_ndcg@10"] > 0.5
    expected = np.delete(made.train.item, made.train.offsets[:-1][np.diff(made.train.offsets) > 0])
    each = len(watch.targets) // 12
    epochs = [watch.targets[start : start + each] for start in range(0, 12 * each, each)]
    for epoch in epochs:
        assert sorted(item for batch in epoch for item in batch) == sorted(expected.tolist())
    assert len({str(epoch) for epoch in epochs}) == 12


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize(("workers", "step"), [(0, 3), (0, 12), (2, 9), (0, 1)])
def test_a_checkpoint_inside_an_epoch_is_gone_on_from(
    made, shards, sources, trainer, tmp_path, workers, step
):
    path = tmp_path / "some.ckpt"
    options = {"workers": workers, "split": False}
    whole = Watch(path, step)
    module, loop = train(made, shards, sources, trainer, watch=whole, **options)
    rest = Watch()
    other, again = train(made, shards, sources, trainer, watch=rest, resume=path, **options)
    assert loop.num_training_batches > 5
    assert rest.targets == whole.targets[step:]
    assert again.global_step == loop.global_step
    for name, value in module.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_processes_share_an_epoch(made, shards, sources):
    class Trainer:
        world_size = 3

        def __init__(self, rank):
            self.global_rank = rank

    windows = []
    for rank in range(3):
        data = ShardDataModule(shards, sources(made), FullSampler(made.candidates), batch_size=8)
        data.trainer = Trainer(rank)
        loader = data.train_dataloader()
        windows.append(sum(len(batch) for batch in loader))
        assert data.val_dataloader() == []
    alone = ShardDataModule(shards, sources(made), FullSampler(made.candidates)).train_dataloader()
    assert sum(windows) == sum(len(batch) for batch in alone)
    assert max(windows) - min(windows) <= len(loader)
