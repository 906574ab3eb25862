import pytest
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch.utils.data import DataLoader

from mmrec.training import MovingAverage


class _Walk(LightningModule):
    """A weight that moves by one a step; validation logs what it sees."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.validated = []

    def training_step(self, batch, index):
        return -self.weight

    def validation_step(self, batch, index):
        self.validated.append(self.weight.item())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1.0)


class _Weights(Callback):
    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, trainer, module, *rest):
        self.seen.append(module.weight.item())


def _fit(average, steps):
    module, weights = _Walk(), _Weights()
    loader = DataLoader(torch.zeros(steps, 1))
    Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[weights, average],
    ).fit(module, loader, DataLoader(torch.zeros(1, 1)))
    return module, weights.seen


@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
def test_the_averaged_weights():
    average = MovingAverage(0.5)
    with pytest.raises(RuntimeError, match="no average before training"):
        average.weights()
    _, seen = _fit(average, 2)
    decay = min(0.5, 2 / 11)
    expected = decay * seen[0] + (1 - decay) * seen[1]
    assert {n: w.item() for n, w in average.weights().items()} == {
        "weight": pytest.approx(expected)
    }


@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
@pytest.mark.parametrize("steps", [1, 12])
def test_validates_and_ends_with_the_average_of_the_formula(steps):
    module, seen = _fit(MovingAverage(0.5), steps)
    average = seen[0]  # the first update copies
    for count, weight in enumerate(seen[1:], start=1):
        decay = min(0.5, (1 + count) / (10 + count))
        average = decay * average + (1 - decay) * weight
    assert seen == [float(step) for step in range(1, steps + 1)]  # training itself is untouched
    assert module.validated == [pytest.approx(average)]
    assert module.weight.item() == pytest.approx(average)


def test_the_average_lies_on_the_device_of_training():
    # A trainer sets up callbacks before it moves the module. The meta device needs no hardware.
    trainer = Trainer(strategy=SingleDeviceStrategy("meta"), logger=False, barebones=True)
    average, module = MovingAverage(0.5), _Walk()
    average.setup(trainer, module, "fit")
    assert module.weight.device.type == "cpu"
    assert average.weights()["weight"].is_meta
    # A number on the meta device can't be read: an update reads none.
    module.to("meta")
    for _ in range(3):
        average.load_state_dict({"latest_update_step": -1})
        average.on_train_batch_end(trainer, module, None, None, 0)


@pytest.mark.parametrize("decay", [0.0, 1.0, -1.0])
def test_refuses_a_decay_outside_0_to_1(decay):
    with pytest.raises(ValueError, match="decay must be between 0 and 1"):
        MovingAverage(decay)
