"""A wrong loss or sampler is said before a training, in the words of its slot."""

import re

import numpy as np
import pytest

from mmrec.losses import softmax_loss
from mmrec.recommender.pipeline.probe import check_loss, check_sampler
from mmrec.sampling import FullSampler


def two_arguments(logits, target):
    return logits.sum()


def vector(logits, target, candidates, log_q):
    return logits.sum(1)


def number(logits, target, candidates, log_q):
    return 1.0


def detached(logits, target, candidates, log_q):
    return logits.detach().sum()


def infinite(logits, target, candidates, log_q):
    return softmax_loss(logits, target) / 0


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (
            two_arguments,
            "the loss two_arguments must take logits (N, P), target (N,), candidates (P,) and "
            "log_q (P,), by position; got TypeError: two_arguments() takes 2 positional arguments",
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


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (Drawing([1, 2]), "must draw a one-dimensional array of whole numbers; got list"),
        (Drawing(np.array([1.0])), "must draw a one-dimensional array of whole numbers; got float"),
        (Drawing(np.array([0, 1])), "must draw indices of the catalogue, from 1 to 5; got 0"),
        (Drawing(np.array([1, 6])), "must draw indices of the catalogue, from 1 to 5; got 6"),
        (Drawing(np.array([1, 3, 3])), "must draw different items, ascending; got 3 after 3"),
        (Drawing(np.array([2, 1])), "must draw different items, ascending; got 1 after 2"),
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
