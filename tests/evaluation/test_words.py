import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer
from torch.nn.functional import normalize

from mmrec.evaluation.words import word_vectors

TEXTS = ["A red lamp for the desk", "the RED lamp", "a chair", "Stühle, rot", "", "desk lamp red"]


def cosines(vectors):
    vectors = normalize(vectors, dim=1)
    return vectors @ vectors.T


def test_likeness_is_that_of_words_weighted_by_rarity():
    # With a place for each word, nothing is hashed together.
    met = CountVectorizer(binary=True, token_pattern=r"(?u)\w+").fit_transform(TEXTS).toarray()
    expected = met * np.log((1 + len(TEXTS)) / met.sum(0))
    found = word_vectors(TEXTS, dim=2**18)
    torch.testing.assert_close(cosines(found), cosines(torch.from_numpy(expected).float()))


def test_few_places_are_enough():
    wide, narrow = (cosines(word_vectors(TEXTS, dim=dim)) for dim in (2**18, 256))
    assert (wide - narrow).abs().max() < 0.2


def test_texts_without_a_word():
    assert not word_vectors(["", "!?"]).any()
    assert word_vectors([]).shape == (0, 256)
