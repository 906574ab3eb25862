"""Adapters in an update and in a training that was killed."""

import pytest
import torch
from lightning.pytorch.callbacks import Callback

from mmrec import Recommender

pytest.importorskip("peft")
LOG = {"users": 6, "steps": 6}


class Killed(Callback):
    """Ends the process's training after two epochs, as Ctrl-C does."""

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == 2:
            raise KeyboardInterrupt


@pytest.fixture
def adapted(chain, options, bert_folder):
    def make(**given):
        chosen = options(modalities=("text",), tuning="lora-2", refit="none", epochs=3, dim=16)
        encoders = {"text": str(bert_folder)}
        return Recommender.fit(*chain(**LOG), options=chosen, encoders=encoders, **given)

    return make


def test_an_update_trains_the_adapters_alone(adapted, chain, tmp_path):
    adapted().save(tmp_path / "run")
    loaded = Recommender.load(tmp_path / "run")
    before = loaded.model.state_dict()
    after = loaded.update(chain(users=6, seed=1)[0], options={"epochs": 1}).model.state_dict()
    encoder = "items.encoders.text.backbone."
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    adapters = {name for name in after if "lora_" in name}
    assert adapters <= changed
    assert not [name for name in changed - adapters if name.startswith(encoder)]


def test_a_killed_training_continues_to_the_same_weights(adapted, tmp_path):
    whole = adapted()
    with pytest.raises(KeyboardInterrupt):
        adapted(checkpoints=tmp_path / "c", callbacks=[Killed()])
    again = adapted(checkpoints=tmp_path / "c", resume=True)
    weights = again.model.state_dict()
    assert all(
        torch.equal(value, weights[name]) for name, value in whole.model.state_dict().items()
    )
