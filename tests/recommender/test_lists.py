import numpy as np
import pytest
import torch

from mmrec.data import Catalog, Histories
from mmrec.encoders import IdEncoder
from mmrec.models import CatalogScorer, gru4rec
from mmrec.recommender.lists import Asked, Recommendation, recommend_lists, top_list
from mmrec.scoring import MLPScorer

CATALOG = Catalog({"item_id": [f"i{number}" for number in range(8)]})


@pytest.fixture
def scorer(stirred):
    """A model with a ranking scorer that sees two candidates only."""
    torch.manual_seed(0)
    model = gru4rec({"id": IdEncoder(8, 4)}, dim=4, reranker=stirred(MLPScorer(4, 4))).eval()
    model.shortlist = 2
    vectors = torch.cat([torch.zeros(1, 4), torch.randn(8, 4)])
    return CatalogScorer(model, vectors, torch.tensor([0, 5, 1, 9, 2, 3, 4, 6, 7]), max_length=3)


def found(scorer, rows, k=8, allowed=range(1, 9), exclude_seen=True):
    mask = torch.zeros(9, dtype=torch.bool)
    mask[list(allowed)] = True
    rows = [np.array(row, dtype=np.int64) for row in rows]
    seen = [row if exclude_seen else row[:0] for row in rows]
    return recommend_lists(scorer, CATALOG, Asked(Histories.of_items(rows), seen, mask), k)


def test_best_first_without_what_has_no_score():
    scores = torch.tensor([-torch.inf, 1.0, -torch.inf, 3.0, 2.0, *[-torch.inf] * 4])
    lines = top_list(CATALOG, scores, 8, "interest")
    assert lines == [
        Recommendation("i2", 3.0, "interest"),
        Recommendation("i3", 2.0, "interest"),
        Recommendation("i0", 1.0, "interest"),
    ]
    assert top_list(CATALOG, scores, 2, "interest") == lines[:2]


def test_the_short_list_holds_only_what_can_be_shown(scorer):
    histories, seen = [[1, 2, 3, 4]], {"i0", "i1", "i2", "i3"}
    plain = scorer.model.reranker
    scorer.model.reranker = None
    retrieved = [line.item for line in found(scorer, histories)[0]]
    assert set(retrieved) == {"i4", "i5", "i6", "i7"}
    scorer.model.reranker = plain
    ranked = [line.item for line in found(scorer, histories)[0]]
    # The best two of what may be shown are ranked; the rest stays as it was retrieved.
    assert set(ranked[:2]) == set(retrieved[:2])
    assert ranked[2:] == retrieved[2:]
    everything = [line.item for line in found(scorer, histories, exclude_seen=False)[0]]
    assert seen < set(everything)
    some = found(scorer, histories, allowed=[2, 6, 7], exclude_seen=True)[0]
    assert {line.item for line in some} == {"i5", "i6"}


def test_a_user_without_history_gets_popular_items(scorer):
    lists = found(scorer, [[], [1]], k=3, allowed=[1, 2, 3, 4])
    assert lists[0][0] == Recommendation("i2", 9.0, "popularity")
    assert {line.item for line in lists[0]} < {"i0", "i1", "i2", "i3"}
    assert [line.reason for line in lists[1]] == ["interest"] * 3
    assert found(scorer, [[]], allowed=[]) == [[]]
