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
        return np.arange(401)


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


class Poisson:
    """Draws each item on its own, with a probability that grows with its count."""

    in_batch = False

    def __init__(self, items, counts, size):
        weights = np.sqrt(counts)
        self.p = np.minimum(1, size * weights / weights.sum())

    def draw(self, rng):
        return np.flatnonzero(rng.random(len(self.p)) < self.p)

    def log_inclusion(self, items):
        with np.errstate(divide="ignore"):
            return np.log(self.said()[items])

    def said(self):
        return self.p


class Smoothed(Poisson):
    """Says a probability that is nearer to 1."""

    def said(self):
        return self.p**0.95


class Capped(Poisson):
    """Keeps 50 of the items that it has drawn."""

    def draw(self, rng):
        return np.sort(rng.permutation(super().draw(rng))[:50])


class OneWrong(Poisson):
    """Says the wrong probability of one item."""

    def said(self):
        one = np.flatnonzero(self.p > 0)[7]
        return np.where(np.arange(len(self.p)) == one, self.p / 1.4, self.p)


class Silent(Uniform):
    log_inclusion = None


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (Silent, "Silent breaks 'attributes': expected a method log_inclusion; got None"),
        (Listed, "breaks 'draw': expected a NumPy array of indices of items; got list"),
        (Unsorted, "breaks 'draw': expected different items, ascending; got ["),
        (Repeated, "breaks 'draw': expected different items, ascending; got ["),
        (Everything, "breaks 'draw': expected items with events alone; got [0, "),
        (Unseeded, "breaks 'seed': expected the same items of the same generator, ["),
        (One, "breaks 'log_inclusion': expected one number for each of 401 items; got ()"),
        (Probable, "breaks 'log_inclusion': expected logarithms of probabilities, 0 at most; got"),
        (Cold, "breaks 'log_inclusion': expected -inf for padding and for items without events"),
        (Sorted, "breaks 'log_inclusion': expected numbers in the order of the items; got others"),
        (OneDraw, "breaks 'frequency': expected that log_inclusion says how often a draw has 45"),
        (Remembering, "breaks 'frequency': expected that log_inclusion says how often a draw has"),
        (Smoothed, "breaks 'frequency': expected that log_inclusion says how often a draw has 45"),
        (Capped, "breaks 'frequency': expected that log_inclusion says how often a draw has 45"),
        (
            OneWrong,
            "breaks 'frequency': expected that log_inclusion says how often a draw has item",
        ),
        (
            Poisson(np.arange(1, 5), np.arange(5), 2),
            "'log_inclusion': expected numbers for a catalogue of 400 items, so a class or partial",
        ),
    ],
)
def test_a_defect_is_found(part, sentence):
    with pytest.raises(ContractError, match=re.escape(sentence)):
        check_sampler(part)


def test_what_is_right_passes_as_a_class_a_partial_and_an_object():
    every = [Uniform, partial(Uniform, size=2), Uniform(np.array([1, 3, 5]), 2), "mixed", Poisson]
    assert {tuple(check_sampler(part)) for part in every} == {tuple(check_sampler(Uniform))}


def test_a_sampler_beside_targets_may_count_them_or_not():
    class Beside(Uniform):
        in_batch = True

    assert check_sampler(Beside)
