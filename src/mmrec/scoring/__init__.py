"""Scorers: interest vectors and item vectors to scores (logits; higher is better).

A retrieval scorer is a product and can score a pool or an index of a whole catalogue; a ranking
scorer looks at interest and item together and scores a short list a user.
"""

from mmrec.scoring.dot import DotScorer
from mmrec.scoring.mlp import MLPScorer

__all__ = ["DotScorer", "MLPScorer"]
