"""Affinities: terms that are added to the learned score.

``score = u · c + Σ weight · cosine(content) + Σ weight · neighbours``. The affinities of content
are products, so they lie beside ``u`` and ``c`` (:func:`with_content`). Those of items that the
same users take are a sparse table (:class:`Neighbours`).
"""

from mmrec.affinities.content import ContentDirections, Directions
from mmrec.affinities.fusion import AffinityFusion
from mmrec.affinities.interest import AffinityInterest, AffinityState, SteppingAffinityInterest
from mmrec.affinities.live import LiveNeighbours, continued
from mmrec.affinities.neighbours import LAST, Neighbours
from mmrec.affinities.parts import score_parts
from mmrec.affinities.scorer import AffinityScorer, LearnedRequest, LearnedReranker
from mmrec.affinities.wiring import ContentAffinity, learned, with_content

__all__ = [
    "LAST",
    "AffinityFusion",
    "AffinityInterest",
    "AffinityScorer",
    "AffinityState",
    "ContentAffinity",
    "ContentDirections",
    "Directions",
    "LearnedRequest",
    "LearnedReranker",
    "LiveNeighbours",
    "Neighbours",
    "SteppingAffinityInterest",
    "continued",
    "learned",
    "score_parts",
    "with_content",
]
