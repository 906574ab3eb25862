"""The components of the library follow the protocols of their rooms, and other modules do not."""

import numpy as np
import pytest
from torch import nn

from mmrec.encoders import Encoder, FeatureEncoder, IdEncoder
from mmrec.fusion import AttentionFusion, ConcatFusion, Fusion, SiameseFusion
from mmrec.interest import (
    GRUInterest,
    Interest,
    LastInterest,
    LinearRecurrentInterest,
    SelfAttentionInterest,
    SteppingInterest,
)
from mmrec.losses import AuxiliaryLoss, Loss, bce_loss, bpr_loss, softmax_loss
from mmrec.sampling import FullSampler, InBatchSampler, Sampler, UnionSampler
from mmrec.scoring import (
    BilinearScorer,
    DCNScorer,
    DotScorer,
    MixtureOfLogitsScorer,
    MLPScorer,
    Reranker,
    RetrievalScorer,
)

COUNTS = np.array([0, 2, 1])


@pytest.mark.parametrize(
    ("protocol", "parts"),
    [
        (Encoder, [IdEncoder(3, 4), FeatureEncoder(4)]),
        (Fusion, [kind({"id": 4}, 4) for kind in (ConcatFusion, AttentionFusion, SiameseFusion)]),
        (Interest, [GRUInterest(4), LinearRecurrentInterest(4), SelfAttentionInterest(4)]),
        (SteppingInterest, [GRUInterest(4), LinearRecurrentInterest(4), SelfAttentionInterest(4)]),
        (LastInterest, [SelfAttentionInterest(4)]),
        (RetrievalScorer, [DotScorer(), BilinearScorer(3, 4)]),
        (Reranker, [MLPScorer(4, 4), DCNScorer(4, 4), MixtureOfLogitsScorer(4, 4)]),
        (Loss, [softmax_loss, bpr_loss, bce_loss]),
        (AuxiliaryLoss, [SiameseFusion({"id": 4}, 4)]),
        (Sampler, [FullSampler(np.array([1])), UnionSampler([InBatchSampler(COUNTS, 2)])]),
    ],
)
def test_components_follow_their_protocol(protocol, parts):
    assert all(isinstance(part, protocol) for part in parts)
    assert not isinstance("a string", protocol)
    if protocol is not Reranker:  # any module can be called
        assert not isinstance(nn.Linear(4, 4), protocol) or protocol is Loss
