import pytest
import torch

from mmrec.affinities import ContentAffinity, score_parts, with_content
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.models import gru4rec


@pytest.fixture
def model():
    torch.manual_seed(0)
    encoders = {"id": IdEncoder(9, 4), "text": FeatureEncoder(6), "image": FeatureEncoder(5)}
    return gru4rec(encoders, dim=4).eval()


def test_parts_sum_to_the_score(model):
    made = with_content(model, ContentAffinity({"text": 3, "image": 2}))
    states, vectors = torch.randn(2, 9), torch.randn(7, 9)
    parts = score_parts(made, states, vectors)
    assert list(parts) == ["learned", "content:text", "content:image"]
    assert torch.allclose(sum(parts.values()), made.scorer(states, vectors), atol=1e-5)
    assert torch.allclose(parts["learned"], states[:, :4] @ vectors[:, :4].T, atol=1e-5)
    assert torch.allclose(parts["content:text"], states[:, 4:7] @ vectors[:, 4:7].T, atol=1e-5)


def test_novelty_is_a_part(model):
    made = with_content(model, ContentAffinity({"text": 3}, identity="id", novelty=True))
    made.scorer.share.fill_(0.5)
    states, vectors = torch.randn(2, 9), torch.randn(7, 9)
    vectors[:, 7:] = torch.tensor([1.0, 0.0])
    parts = score_parts(made, states, vectors)
    assert list(parts) == ["learned", "content:text", "novelty"]
    assert torch.allclose(sum(parts.values()), made.scorer(states, vectors), atol=1e-5)
    assert torch.allclose(parts["content:text"], states[:, 4:7] @ vectors[:, 4:7].T, atol=1e-5)
    assert torch.allclose(parts["novelty"], states[:, 7:8].expand(2, 7))


def test_a_model_without_affinities_has_one_part(model):
    states, vectors = torch.randn(2, 4), torch.randn(7, 4)
    [(name, part)] = score_parts(model, states, vectors).items()
    assert name == "learned"
    assert torch.equal(part, model.scorer(states, vectors))
