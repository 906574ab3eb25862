"""Scorers: interests and item vectors to scores (logits; higher is better).

A :class:`RetrievalScorer` is an inner product: it scores a pool, or searches an index of a whole
catalogue. A :class:`Reranker` reads interest and item together and scores a short list per user.
"""

from mmrec.scoring.bilinear import BilinearScorer
from mmrec.scoring.dcn import DCNScorer
from mmrec.scoring.dot import DotScorer
from mmrec.scoring.mixture import MixtureOfLogitsScorer
from mmrec.scoring.mlp import MLPScorer
from mmrec.scoring.protocol import Reranker, RetrievalScorer

__all__ = [
    "BilinearScorer",
    "DCNScorer",
    "DotScorer",
    "MLPScorer",
    "MixtureOfLogitsScorer",
    "Reranker",
    "RetrievalScorer",
]
