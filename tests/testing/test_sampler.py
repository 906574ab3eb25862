"""The clauses of a sampler, on a tiny one with one defect each."""

import re
from functools import partial

import numpy as np
import pytest

from mmrec.testing import ContractError, check_sampler


class Uniform:
    """Draws different items, all with the same probability."""

    in_batch = False

    def __init__(self, items, size):
        self.items, self.size = items, size

    def draw(self, rng):
        return np.sort(rng.choice(self.items, self.size, replace=False))

    def log_inclusion(self, items):
        share = np.log(self.size / len(self.items))
        return np.where(np.isin(items, self.items), share, -np.inf)


class Listed(Uniform):
    def draw(self, rng):
        return super().draw(rng).tolist()


class Unsorted(Uniform):
    def draw(self, rng):
        return super().draw(rng)[::-1]


class Repeated(Uniform):
    def draw(self, rng):
        return np.sort(rng.choice(self.items, self.size))


class Everything(Uniform):
    def draw(self, rng):
        return np.arange(8)


class Unseeded(Uniform):
    def draw(self, rng):
        return super().draw(np.random.default_rng())


class Remembering(Uniform):
    """Draws once and keeps it."""

    def draw(self, rng):
        self.drawn = getattr(self, "drawn", super().draw(rng))
        return self.drawn


class One(Uniform):
    def log_inclusion(self, items):
        return super().log_inclusion(items)[0]


class Probable(Uniform):
    def log_inclusion(self, items):
        return np.exp(super().log_inclusion(items))


class Cold(Uniform):
    def log_inclusion(self, items):
        return np.maximum(super().log_inclusion(items), -20.0)


class Sorted(Uniform):
    def log_inclusion(self, items):
        return super().log_inclusion(np.sort(items))


class OneDraw(Uniform):
    """Says the probability of one draw instead of that of being in a draw."""

    def log_inclusion(self, items):
        return super().log_inclusion(items) - np.log(self.size)


class Silent(Uniform):
    log_inclusion = None


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (Silent, "Silent breaks 'attributes': expected a method log_inclusion; got None"),
        (Listed, "breaks 'draw': expected an array of indices of items; got [4, 5, 6]"),
        (Unsorted, "breaks 'draw': expected different items, ascending; got [6 5 4]"),
        (Repeated, "breaks 'draw': expected different items, ascending; got ["),
        (Everything, "breaks 'draw': expected items with events, [1, 3, 4, 5, 6]; got [0 1 2"),
        (Unseeded, "breaks 'seed': expected the same items of the same generator, ["),
        (One, "breaks 'log_inclusion': expected one number for each of 8 items; got ()"),
        (Probable, "breaks 'log_inclusion': expected logarithms of probabilities, 0 at most; got"),
        (Cold, "breaks 'log_inclusion': expected -inf for padding and for items without events"),
        (Sorted, "breaks 'log_inclusion': expected numbers in the order of the items; got ["),
        (OneDraw, "breaks 'frequency': expected that log_inclusion says how often item 1 is drawn"),
        (Remembering, "breaks 'frequency': expected that log_inclusion says how often item"),
    ],
)
def test_a_defect_is_found(part, sentence):
    with pytest.raises(ContractError, match=re.escape(sentence)):
        check_sampler(part)


def test_what_is_right_passes_as_a_class_a_partial_and_an_object():
    every = [Uniform, partial(Uniform, size=2), Uniform(np.array([1, 3, 5]), 2), "mixed"]
    assert {tuple(check_sampler(part)) for part in every} == {tuple(check_sampler(Uniform))}


def test_a_sampler_beside_targets_may_count_them_or_not():
    class Beside(Uniform):
        in_batch = True

    assert check_sampler(Beside)
