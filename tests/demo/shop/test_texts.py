import re
from itertools import product

import numpy as np
import pytest

from mmrec.demo.shop.products import CATEGORIES, VERBAL, VISUAL
from mmrec.demo.shop.texts import write_text

COLOURS = (
    "black white grey gray brown orange beige navy crimson teal turquoise violet golden silver"
)
PATTERNS = (
    "striped dotted dot checked checkered wavy wave triangle triangular patterned stripe check"
)


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(0)
    cases = list(product(CATEGORIES, *VERBAL.values())) * 2
    return [(case, write_text(*case, rng)) for case in cases]


def test_texts_do_not_mention_visual_attributes(texts):
    seen = {word for values in VISUAL.values() for value in values for word in value.split()}
    seen |= set(COLOURS.split()) | set(PATTERNS.split())
    for _, (title, description) in texts:
        words = set(re.findall(r"[a-z-]+", f"{title} {description}".lower()))
        assert not words & seen


def test_texts_are_clean_and_varied(texts):
    for _, (title, description) in texts:
        assert title[0].isupper()
        for text in (title, description):
            assert text == " ".join(text.split())
            assert " ," not in text
        assert len(title) < 120
    assert len({text for _, text in texts}) == len(texts)


def test_each_attribute_has_words_of_its_own(texts):
    """Words of one style are not words of another: a nearest-profile rule on words gets it back."""
    names = ("category", *VERBAL)
    bags = [set(re.findall(r"[a-z-]+", " ".join(text).lower())) for _, text in texts]
    half = len(texts) // 2
    for position, name in enumerate(names):
        labels = [case[position] for case, _ in texts]
        counts = {label: {} for label in set(labels)}
        for label, bag in zip(labels[:half], bags[:half], strict=True):
            for word in bag:
                counts[label][word] = counts[label].get(word, 0) + 1
        total = {label: labels[:half].count(label) for label in counts}
        vocabulary = set().union(*bags[:half])
        score = {
            label: {
                word: np.log((counts[label].get(word, 0) + 0.1) / (total[label] + 0.2))
                for word in vocabulary
            }
            for label in counts
        }
        guesses = [
            max(score, key=lambda label: sum(score[label][w] for w in bag & vocabulary))
            for bag in bags[half:]
        ]
        right = np.mean([a == b for a, b in zip(guesses, labels[half:], strict=True)])
        assert right > 0.9, name


def test_deterministic():
    case = ("bags", "smart", "plant", "gift")
    first = write_text(*case, np.random.default_rng(7))
    assert write_text(*case, np.random.default_rng(7)) == first
