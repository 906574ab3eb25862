import pytest
from torch import nn

from mmrec.encoders import IdEncoder
from mmrec.losses import softmax_loss
from mmrec.models import gru4rec
from mmrec.training import Checkpoints, FiniteLoss


@pytest.fixture
def spoilt(split, fit, tmp_path):
    """Train 3 epochs of 4 batches; the loss of one step is spoilt."""

    def run(at, value=float("nan"), gradient_only=False, every=None):
        count = 0

        def loss(*arguments):
            nonlocal count
            count += 1
            good = softmax_loss(*arguments)
            if count != at:
                return good
            if not gradient_only:
                return good * value
            bad = good.clone()
            bad.register_hook(lambda gradient: gradient * value)
            return bad

        trained = {"enable_checkpointing": True, "gradient_clip_val": 1.0}
        trained["callbacks"] = [FiniteLoss(tmp_path, every=every), Checkpoints(tmp_path)]
        return fit(split(users=16), epochs=3, loss=loss, trained=trained)

    return run


def steps(loop):
    return int(loop.num_training_batches)


def test_nothing_happens_to_a_good_training(spoilt):
    _, loop = spoilt(0)
    assert loop.current_epoch == 3
    assert steps(loop) == 4


@pytest.mark.parametrize("every", [None, 3])
@pytest.mark.parametrize(
    ("at", "where"),
    [
        (
            1,
            "epoch 1, step 1 of 4; the parts of the model gave finite numbers, so look at the loss",
        ),
        (6, "epoch 2, step 2 of 4; start anew with a lower lr"),
        (8, "epoch 2, step 4 of 4; start anew with a lower lr"),
    ],
)
def test_the_error_names_where_it_happened(spoilt, at, where, every):
    with pytest.raises(ValueError, match=f"the loss is nan in .*{where}"):
        spoilt(at, every=every)


class Spoilt(nn.Module):
    """A part whose output is NaN in training."""

    def __init__(self, part):
        super().__init__()
        self.part, self.dim = part, part.dim
        for name in ("dims", "interest_dim"):
            if hasattr(part, name):
                setattr(self, name, getattr(part, name))

    def forward(self, *given):
        return self.part(*given) * (float("nan") if self.training else 1)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("items.encoders.id", "encoder of id Spoilt"),
        ("items.fusion", "fusion Spoilt"),
        ("interest", "interest Spoilt"),
    ],
)
def test_the_error_of_the_first_step_names_the_part(split, fit, path, name):
    data = split(users=16)
    model = gru4rec({"id": IdEncoder(data.catalog_size, 16)}, dim=16)
    model.set_submodule(path, Spoilt(model.get_submodule(path)))
    message = f"step 1 of .; the {name} gave the first numbers that are not finite, which may be"
    with pytest.raises(ValueError, match=message):
        fit(data, model=model, trained={"callbacks": [FiniteLoss()]})


def test_an_infinite_loss(spoilt):
    with pytest.raises(ValueError, match="the loss is inf"):
        spoilt(2, float("inf"))


def test_the_weights_of_the_last_step(spoilt, tmp_path):
    with pytest.raises(ValueError, match=r"weights are no longer finite .* end of epoch 2; start"):
        spoilt(8, gradient_only=True)
    assert [path.stem for path in tmp_path.iterdir()] == ["epoch-00001"]


class Rooted(nn.Module):
    """A part whose weight gets a gradient of NaN in a step, and whose output is right."""

    def __init__(self, part, at):
        super().__init__()
        self.part, self.at, self.count, self.dim = part, at, 0, part.dim
        self.interest_dim = part.interest_dim

    def forward(self, vectors, mask, gap=None, event_type=None):
        self.count += self.training
        if self.training and self.count == self.at:
            vectors = vectors + (0 * vectors).sqrt() * 0
        return self.part(vectors, mask, gap, event_type)


def test_the_loss_is_suspected_where_scores_are_finite(spoilt):
    said = "step 2 of 4; start anew with a lower lr, or look at the loss loss: the scores that it"
    with pytest.raises(ValueError, match=said):
        spoilt(6)


@pytest.mark.parametrize("every", [None, 3])
@pytest.mark.parametrize("at", [2, 6, 7])
def test_a_gradient_of_nan_is_that_of_the_loss(spoilt, at, every):
    said = "lower lr, or look at the loss loss: its gradient of the scores was not finite"
    with pytest.raises(ValueError, match=said):
        spoilt(at, gradient_only=True, every=every)


def test_weights_that_are_no_longer_finite_are_explained_too(spoilt):
    said = "end of epoch 2; start anew with a lower lr, or look at the loss loss: its gradient"
    with pytest.raises(ValueError, match=said):
        spoilt(8, gradient_only=True)


def test_the_gradient_of_a_part_is_named(split, fit):
    data = split(users=16)
    model = gru4rec({"id": IdEncoder(data.catalog_size, 16)}, dim=16)
    model.interest = Rooted(model.interest, at=2)
    said = "lr, or look at what reads the output of the fusion ConcatFusion: the gradient of that"
    with pytest.raises(ValueError, match=said):
        fit(data, epochs=3, model=model, trained={"callbacks": [FiniteLoss()]})


def test_a_part_that_breaks_later_is_named(split, fit):
    data = split(users=16)
    model = gru4rec({"id": IdEncoder(data.catalog_size, 16)}, dim=16)

    class Later(Rooted):
        def forward(self, *given):
            states = self.part(*given)
            self.count += self.training
            return states / (self.count != self.at)

    model.interest = Later(model.interest, at=3)
    said = "step 3 of .; start anew with a lower lr: the interest Later gave the first numbers that"
    with pytest.raises(ValueError, match=said):
        fit(data, epochs=3, model=model, trained={"callbacks": [FiniteLoss()]})


def test_padding_does_not_hide_the_loss(split, fit):
    """An interest of NaN in padding is right; the loss is to blame."""
    data = split(users=16, steps=5)
    model = gru4rec({"id": IdEncoder(data.catalog_size, 16)}, dim=16)

    class Padded(Rooted):
        def forward(self, vectors, mask, gap=None, event_type=None):
            states = self.part(vectors, mask, gap, event_type)
            return states.masked_fill(~mask.unsqueeze(-1), float("nan"))

    model.interest = Padded(model.interest, at=0)
    with pytest.raises(ValueError, match="finite numbers, so look at the loss <lambda>"):
        fit(
            data,
            model=model,
            loss=lambda *given: softmax_loss(*given) * float("nan"),
            trained={"callbacks": [FiniteLoss()]},
        )
