import torch
import torch.nn.functional as F

from mmrec.losses import softmax_loss
from mmrec.recommender.parts import SLOTS, remake


def test_cosine_and_softmax_are_info_nce():
    scorer, spec = SLOTS["scorer"].make("cosine", {"dim": 4, "interest_dim": 4})
    states, vectors = torch.randn(3, 4), torch.randn(6, 4)
    target = torch.tensor([2, 5, 1])
    cosines = F.normalize(states, dim=1) @ F.normalize(vectors[1:], dim=1).T
    expected = F.cross_entropy(cosines / 0.07, target - 1)
    assert torch.allclose(softmax_loss(scorer(states, vectors), target), expected, atol=1e-5)
    assert [parameter.numel() for parameter in scorer.parameters()] == [1]  # the temperature
    again = remake("scorer", spec, ["mmrec.scoring"], [])
    assert torch.equal(again(states, vectors), scorer(states, vectors))
