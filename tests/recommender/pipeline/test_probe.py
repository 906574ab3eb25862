"""A wrong part is found before a training, and the error names its slot."""

import re
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmrec.encoders import IdEncoder
from mmrec.fusion import ConcatFusion
from mmrec.interest import GRUInterest
from mmrec.losses import softmax_loss
from mmrec.models import ItemEncoder, SequentialModel
from mmrec.recommender import Recommender
from mmrec.recommender.pipeline.probe import check_loss, check_outputs, check_sampler
from mmrec.sampling import FullSampler
from mmrec.scoring import DotScorer, MLPScorer


def two_arguments(logits, target):
    return logits.sum()


class TwoArguments(nn.Module):
    def forward(self, logits, target):
        return logits.sum()


def vector(logits, target, candidates, log_q):
    return logits.sum(1)


def number(logits, target, candidates, log_q):
    return 1.0


def detached(logits, target, candidates, log_q):
    return logits.detach().sum()


def infinite(logits, target, candidates, log_q):
    return softmax_loss(logits, target) / 0


class Outside:
    """A loss with a weight that no module holds."""

    def __init__(self):
        self.scale = torch.nn.Parameter(torch.tensor([3.0]))

    def __call__(self, logits, target, candidates, log_q):
        return softmax_loss(logits * self.scale, target, candidates, log_q)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (
            Outside(),
            "the loss Outside must keep its weights as parameters of an nn.Module, since others "
            "are not trained; got others of shapes [(1,)]",
        ),
        (
            two_arguments,
            "the loss two_arguments must take logits (N, P), target (N,), candidates (P,) and "
            "log_q (P,), by position; got TypeError: too many positional arguments",
        ),
        (
            TwoArguments(),
            "the loss TwoArguments must take logits (N, P), target (N,), candidates (P,) and "
            "log_q (P,), by position; got TypeError: too many positional arguments",
        ),
        (vector, "the loss vector must return one number, a tensor of shape (); got (3,)"),
        (number, "the loss number must return one number, a tensor of shape (); got float"),
        (detached, "the loss detached must have a gradient of the logits; got a number without"),
        (infinite, "the loss infinite must be finite for scores from -1 to 1; got inf"),
    ],
)
def test_a_wrong_loss(loss, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check_loss(loss)


def best_of_many(logits, target, candidates, log_q):
    return -logits.topk(20).values.mean()


def test_a_loss_that_needs_more_than_six_slots():
    check_loss(best_of_many)
    check_loss(partial(slot_weights, torch.ones(7)))


def slot_weights(weights, logits, target, candidates, log_q):
    return (logits * weights).sum()


class Queue(nn.Module):
    """A loss with a moving average and dropout."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, logits, target, candidates, log_q):
        self.mean += 1
        return F.dropout(logits, 0.5).sum()


def test_a_loss_is_left_as_it_is():
    loss, state = Queue(), torch.random.get_rng_state()
    check_loss(loss)
    assert loss.mean == 0
    assert torch.equal(torch.random.get_rng_state(), state)


class Uncopied:
    """A part that can't be copied, and that would be refused."""

    def __deepcopy__(self, memo):
        raise RuntimeError("one of a kind")

    def __call__(self, logits, target, candidates, log_q):
        return None

    def draw(self, rng):
        return None


def test_what_cannot_be_copied_is_not_called():
    check_loss(Uncopied())
    check_sampler(Uncopied(), 5)


class OwnGenerator:
    def __init__(self):
        self.rng = np.random.default_rng(3)

    def draw(self, rng):
        return np.sort(self.rng.permutation(5)[:2] + 1)

    def log_inclusion(self, items):
        return np.full(len(items), np.log(2 / 5))


def test_a_sampler_is_left_as_it_is():
    sampler = OwnGenerator()
    check_sampler(sampler, 5)
    assert sampler.rng.random() == np.random.default_rng(3).random()


class Drawing:
    """A sampler that always draws the same."""

    def __init__(self, drawn, said=0.0):
        self.drawn, self.said = drawn, said

    def draw(self, rng):
        return self.drawn

    def log_inclusion(self, items):
        return np.full(len(items), self.said)


class OfLegacy(Drawing):
    def draw(self, rng):
        return rng.randint(3)


class Single(Drawing):
    def log_inclusion(self, items):
        return self.said


class Learned(Drawing, nn.Module):
    def __init__(self):
        nn.Module.__init__(self)
        Drawing.__init__(self, np.array([1, 2]))
        self.rate = nn.Parameter(torch.ones(2))


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (Learned(), "must have no weights to train, because draws have no gradient; got ['rate']"),
        (Drawing([1, 2]), "must draw a one-dimensional array of whole numbers; got list"),
        (Drawing(np.array([1.0])), "must draw a one-dimensional array of whole numbers; got float"),
        (Drawing(np.array([0, 1])), "must draw indices of the catalogue, from 1 to 5; got 0"),
        (Drawing(np.array([1, 6])), "must draw indices of the catalogue, from 1 to 5; got 6"),
        (Drawing(np.array([1, 3, 3])), "must draw different items, ascending; got 3 after 3"),
        (Drawing(np.array([2, 1])), "must draw different items, ascending; got 1 after 2"),
        (Drawing(np.array([2, 1], dtype=np.uint32)), "different items, ascending; got 1 after 2"),
        (Drawing(np.array([2]), 0.5), "logarithm of a probability, and above -inf for an item"),
        (Drawing(np.array([2]), -np.inf), "logarithm of a probability, and above -inf for an"),
        (Drawing(np.array([2]), np.nan), "logarithm of a probability, and above -inf for an item"),
        (Single(np.array([1, 2])), "must have a number for each of 2 items; got shape ()"),
        (
            OfLegacy(None),
            "the negatives OfLegacy must draw items by draw(rng), of a np.random.Generator; got "
            "AttributeError",
        ),
    ],
)
def test_a_wrong_sampler(sampler, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check_sampler(sampler, 5)


def test_what_is_right():
    check_loss(softmax_loss)
    check_sampler(FullSampler(np.arange(1, 6)), 5)
    check_sampler(Drawing(np.array([], dtype=int)), 5)


def model_of(fusion=ConcatFusion, interest=None, reranker=None):
    items = ItemEncoder({"id": IdEncoder(7, 8)}, fusion({"id": 8}, 8))
    return SequentialModel(items, interest or GRUInterest(8), DotScorer(), reranker)


class Narrow(GRUInterest):
    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors, mask, gap, event_type)[..., :5]


class Flat(GRUInterest):
    def forward(self, vectors, mask, gap=None, event_type=None):
        return vectors.sum(2)


class OfVectors(GRUInterest):
    def forward(self, vectors):
        return vectors


class NoPadding(GRUInterest):
    """An interest with NaN in padding."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        states = super().forward(vectors, mask, gap, event_type)
        return states.masked_fill(~mask.unsqueeze(2), float("nan"))


class LogGap(GRUInterest):
    """An interest that is infinite where a gap is unknown."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors, mask) + gap.log1p().unsqueeze(-1)


class Undefined(ConcatFusion):
    def forward(self, features, present):
        return super().forward(features, present) * float("nan")


class Short(ConcatFusion):
    def forward(self, features, present):
        return super().forward(features, present)[:, :4]


class Counting(ConcatFusion):
    """A fusion that divides by what it has counted in training."""

    def __init__(self, dims, dim):
        super().__init__(dims, dim)
        self.register_buffer("count", torch.zeros(()))

    def forward(self, features, present):
        if self.training:
            self.count += 1
        return F.dropout(super().forward(features, present), 0.5) / self.count


class Infinite(MLPScorer):
    def forward(self, states, candidates):
        return super().forward(states, candidates) + float("inf")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"interest": Narrow(8, time_gap=False)},
            "the interest Narrow must map vectors (2, 3, 8), mask, gap and event_type, each (2, 3) "
            "to an output of shape (2, 3, 8); got (2, 3, 5)",
        ),
        ({"interest": Flat(8)}, "to an output of shape (2, 3, 8); got (2, 3)"),
        (
            {"interest": LogGap(8)},
            "each (2, 3), also where a gap is unknown (-1), to finite numbers; got NaN or infinity",
        ),
        ({"interest": OfVectors(8)}, "the interest OfVectors must take vectors (2, 3, 8), mask"),
        (
            {"fusion": Short},
            "the fusion Short must map the features and present of 3 items, of widths {'id': 8} to "
            "an output of shape (3, 8); got (3, 4)",
        ),
        (
            {"fusion": Undefined},
            "the fusion Undefined must map the features and present of 3 items, of widths "
            "{'id': 8} to finite numbers; got NaN or infinity",
        ),
        (
            {"reranker": Infinite(8, 8)},
            "the reranker Infinite must map inputs (2, 8) and (2, 3, 8) to finite numbers; got NaN",
        ),
    ],
)
def test_a_part_of_a_model_that_is_wrong(parts, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check_outputs(model_of(**parts), torch.device("cpu"))


def test_parts_of_a_model_are_left_as_they_are():
    model, state = model_of(Counting, NoPadding(8), MLPScorer(8, 8)), torch.random.get_rng_state()
    check_outputs(model, torch.device("cpu"))
    assert model.items.fusion.count == 0
    assert torch.equal(torch.random.get_rng_state(), state)


class Blank(ConcatFusion):
    """A fusion that gives NaN until its weights are loaded or trained."""

    blank = True

    def __init__(self, dims, dim):
        super().__init__(dims, dim)
        self.register_buffer("scale", torch.tensor(float("nan") if self.blank else 1.0))

    def forward(self, features, present):
        return super().forward(features, present) * self.scale


def test_numbers_are_checked_by_fit_and_not_when_a_run_is_loaded(fit, tmp_path, monkeypatch):
    with pytest.raises(
        ValueError, match=r"the fusion Blank must map .* to finite numbers; got NaN"
    ):
        fit(fusion=Blank, epochs=1)
    monkeypatch.setattr(Blank, "blank", False)
    fit(fusion=Blank, epochs=1).save(tmp_path / "run")
    monkeypatch.setattr(Blank, "blank", True)
    assert Recommender.load(tmp_path / "run", parts=[Blank]).state.model.items.fusion.scale == 1
