"""The clauses of a scorer and of a reranker, on tiny ones with one defect each."""

import re

import pytest
import torch
from torch import nn

from mmrec.testing import ContractError, check_reranker, check_scorer


class Product(nn.Module):
    """A product with a weight for each coordinate."""

    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, states, vectors):
        return self.index_queries(states) @ self.index_vectors(vectors).T

    def index_queries(self, states):
        return states * self.weight

    def index_vectors(self, vectors):
        return vectors


class Normalized(Product):
    def forward(self, states, vectors):
        return super().forward(states, vectors).softmax(dim=1)


class ByPlace(Product):
    def forward(self, states, vectors):
        return super().forward(states, vectors) + torch.arange(len(vectors))


class Biased(Product):
    """A bias that an index knows nothing of."""

    def forward(self, states, vectors):
        return super().forward(states, vectors) + vectors.sum(1)


class Unindexed(Product):
    index_vectors = None


class Squeezed(Product):
    def forward(self, states, vectors):
        scores = super().forward(states, vectors)
        return scores.squeeze(1) if len(vectors) == 1 else scores


class Placed(nn.Module):
    """A reranker that prefers the first candidates."""

    def forward(self, states, candidates):
        scores = (states.unsqueeze(1) * candidates).sum(-1)
        return scores - torch.arange(candidates.shape[1])


class Alone(nn.Module):
    """A reranker that loses the axis of a single candidate."""

    def forward(self, states, candidates):
        scores = (states.unsqueeze(1) * candidates).sum(-1)
        return scores.squeeze(1) if candidates.shape[1] == 1 else scores


@pytest.mark.parametrize(
    ("check", "part", "sentence"),
    [
        (check_scorer, Unindexed, "breaks 'attributes': expected a method index_vectors; got None"),
        (check_scorer, Squeezed, "breaks 'one item': expected a tensor of shape (1, 1) of 1 users"),
        (check_scorer, ByPlace, "breaks 'items': expected scores in the order of the items; got a"),
        (check_scorer, Normalized, "breaks 'items': expected a score that does not depend on the"),
        (
            check_scorer,
            Biased,
            "breaks 'index': expected that index_queries @ index_vectors.T equals the scores; got",
        ),
        (check_reranker, Alone, "breaks 'one candidate': expected a tensor of shape (3, 1) of 3"),
        (check_reranker, Placed, "breaks 'candidates': expected scores in the order of the cand"),
    ],
)
def test_a_defect_is_found(check, part, sentence):
    with pytest.raises(ContractError, match=re.escape(sentence)):
        check(part)


def test_what_is_right_passes():
    assert check_scorer(Product)[-3:] == ["one item", "items", "index"]
