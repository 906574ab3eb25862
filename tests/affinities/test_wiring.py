import pytest
import torch

from mmrec.affinities import ContentAffinity, learned, with_content
from mmrec.data import Histories
from mmrec.encoders import FeatureEncoder
from mmrec.models import gru4rec, lrurec, sasrec


@pytest.mark.parametrize("build", [gru4rec, lrurec, sasrec])
def test_without_weights_the_scores_are_those_of_the_model(build):
    torch.manual_seed(0)
    model = build({"text": FeatureEncoder(6)}, dim=4).eval()
    names = list(model.state_dict())
    affinity = ContentAffinity({"text": 2}, decay=0.5, negative_types=(1,), identity="id")
    wide = with_content(model, affinity)
    histories, vectors = Histories.of_items([[3, 1, 2], [5]]), torch.randn(9, 6)
    with torch.no_grad():
        expected = model.scores(histories, vectors[:, :4])
        torch.testing.assert_close(wide.scores(histories, vectors), expected)
    assert ContentAffinity.from_dict(ContentAffinity.of(wide).to_dict()) == affinity
    assert ContentAffinity.of(model) is None
    assert list(model.state_dict()) == names  # the model that was given stays as it is
    assert learned(wide).interest is model.interest
    assert learned(model) is model
