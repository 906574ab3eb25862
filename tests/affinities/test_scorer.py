import pytest
import torch

from mmrec.affinities import AffinityScorer, ContentAffinity, learned, with_content
from mmrec.encoders import FeatureEncoder
from mmrec.models import gru4rec
from mmrec.scoring import DotScorer


def test_a_model_with_affinities_stays_on_its_device():
    model = gru4rec({"text": FeatureEncoder(6)}, dim=4).to("meta")
    wide = with_content(model, ContentAffinity({"text": 2}))
    tensors = [*wide.parameters(), *wide.buffers()]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert learned(wide).state_dict().keys() == model.state_dict().keys()


@pytest.mark.parametrize("more", [{}, {"normalize": True, "temperature": 0.2}, {"item_bias": True}])
def test_the_index_holds_the_sum(more):
    torch.manual_seed(0)
    inner = DotScorer(dim=4, **more)
    scorer, states, vectors = AffinityScorer(inner, 3), torch.randn(5, 7), torch.randn(6, 7)
    expected = inner(states[:, :4], vectors[:, :4]) + states[:, 4:] @ vectors[:, 4:].T
    torch.testing.assert_close(scorer(states, vectors), expected)
    found = scorer.index_queries(states) @ scorer.index_vectors(vectors).T
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("more", [{}, {"normalize": True, "temperature": 0.2}, {"item_bias": True}])
def test_the_learned_score_of_new_items_has_a_share(more):
    torch.manual_seed(0)
    inner = DotScorer(dim=4, **more)
    scorer, states = AffinityScorer(inner, 3, novelty=True), torch.randn(5, 7)
    vectors = torch.cat([torch.randn(6, 5), torch.tensor([[1.0, 0.0], [0.0, 6e-5]] * 3)], 1)
    scorer.share.fill_(0.25)
    learned = inner(states[:, :4], vectors[:, :4])
    learned[:, ::2] *= 0.25
    torch.testing.assert_close(scorer.learned(states, vectors), learned)
    expected = learned + states[:, 4:] @ vectors[:, 4:].T
    torch.testing.assert_close(scorer(states, vectors), expected)
    found = scorer.index_queries(states) @ scorer.index_vectors(vectors).T
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
