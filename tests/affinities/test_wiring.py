import numpy as np
import pytest
import torch

from mmrec.affinities import (
    AffinityFusion,
    ContentAffinity,
    ContentDirections,
    learned,
    with_content,
)
from mmrec.data import Histories, TableSource, id_source
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.fusion import ConcatFusion
from mmrec.models import ItemEncoder, encode_with_contributions, gru4rec, lrurec, sasrec


@pytest.mark.parametrize("novelty", [False, True])
@pytest.mark.parametrize("build", [gru4rec, lrurec, sasrec])
def test_without_weights_the_scores_are_those_of_the_model(build, novelty):
    torch.manual_seed(0)
    model = build({"id": IdEncoder(9, 4), "text": FeatureEncoder(6)}, dim=4).eval()
    names = list(model.state_dict())
    affinity = ContentAffinity({"text": 2}, 0.5, (1,), identity="id", novelty=novelty)
    wide = with_content(model, affinity)
    histories, vectors = Histories.of_items([[3, 1, 2], [5]]), torch.randn(9, 6 + 2 * novelty)
    with torch.no_grad():
        expected = model.scores(histories, vectors[:, :4])
        torch.testing.assert_close(wide.scores(histories, vectors), expected)
    assert ContentAffinity.from_dict(ContentAffinity.of(wide).to_dict()) == affinity
    assert ContentAffinity.of(model) is None
    assert list(model.state_dict()) == names  # the model that was given stays as it is
    assert learned(wide).interest is model.interest
    assert learned(model) is model
    with pytest.raises(
        ValueError, match=r"identity must be one of \['id', 'text'\], or None; got 'no'"
    ):
        with_content(model, ContentAffinity({"text": 2}, identity="no"))


def test_an_id_adds_nothing_to_the_directions():
    content = ContentDirections({"id": 2, "text": 3}, {"text": 3}, "id")
    content.new.fill_(4.0)
    fusion = AffinityFusion(ConcatFusion({"id": 2, "text": 3}, 2), content)
    items = ItemEncoder({"id": IdEncoder(3, 2), "text": FeatureEncoder(3)}, fusion).eval()
    sources = {
        "id": id_source({1: 1, 2: 2, 3: 3}, 3),
        "text": TableSource(
            np.random.default_rng(0).normal(size=(4, 3)).astype("f4"), np.arange(4) > 0
        ),
    }
    _, added = encode_with_contributions(items, sources, 3)
    assert added["id"][1:, 2:].any()  # without it an item counts as new
    shares = fusion.without_lengths(added)
    assert not shares["id"][:, 2:].any()
    assert torch.equal(shares["id"][:, :2], added["id"][:, :2])
    assert torch.equal(shares["text"], added["text"])
