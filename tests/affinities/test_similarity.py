from dataclasses import replace

import numpy as np
import pytest
import torch

from mmrec import Recommender
from mmrec.affinities import ContentAffinity, with_content, without_novelty
from mmrec.demo.showcase import find_queries
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.models import gru4rec
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender.figures import item_positions


@pytest.fixture(scope="module")
def pair(small_shop, add_affinities):
    """Recommenders whose item vectors differ in the columns of novelty alone."""
    made = add_affinities(small_shop.recommender, {"text": 3}, (1.0,), own=(0.5, 1.5, 0.8))
    told, quiet = made.vectors.clone(), made.vectors.clone()
    new = torch.arange(len(told)) % 2
    told[:, -2:] = 3 * torch.stack([new, 1 - new], dim=1)
    quiet[:, -2:] = 0
    return [Recommender(replace(made.state, vectors=one, trend=None)) for one in (told, quiet)]


def test_items_are_not_alike_for_being_new(pair):
    item = pair[0].catalog.ids[2]
    told, quiet = (one.similar(item, 20) for one in pair)
    assert [line.item for line in told] == [line.item for line in quiet]
    assert np.allclose([line.score for line in told], [line.score for line in quiet], atol=1e-6)


def test_popular_items_differ_by_what_they_are_not_by_being_new(pair):
    lists = [[line.item for line in one.recommend([], k=8)] for one in pair]
    live = [[x.item for x in RealtimeRecommender(one).recommend("stranger", k=8)] for one in pair]
    assert lists[0] == lists[1] == live[0] == live[1]
    assert find_queries(pair[0], count=8) == find_queries(pair[1], count=8)


def test_a_map_does_not_part_new_items_from_others(pair):
    told, quiet = (item_positions(one.state, "pca").at for one in pair)
    assert np.allclose(told, quiet, atol=1e-6)


@pytest.mark.parametrize(("novelty", "left"), [(True, 7), (False, 7), (None, 4)])
def test_only_columns_of_novelty_are_left_out(novelty, left):
    model = gru4rec({"id": IdEncoder(9, 4), "text": FeatureEncoder(6)}, dim=4)
    if novelty is not None:
        model = with_content(model, ContentAffinity({"text": 3}, identity="id", novelty=novelty))
    vectors = torch.randn(5, left + 2 * (novelty is True))
    assert torch.equal(without_novelty(model, vectors), vectors[:, :left])
