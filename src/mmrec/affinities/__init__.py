"""Affinities: terms that are added to the learned score.

``score = u · c + Σ weight · cosine(content) + Σ weight · counted``. The affinities of content are
products, so they lie beside ``u`` and ``c`` (:func:`with_content`). The others are counted in the
log (:class:`Counted`): items that the same users take are a sparse table (:class:`Neighbours`), and
items without events (:class:`Unseen`) have the same term for everyone.
"""

from mmrec.affinities.content import ContentDirections, Directions
from mmrec.affinities.counted import COUNTED, continued, counted_from, grown
from mmrec.affinities.fusion import AffinityFusion
from mmrec.affinities.interest import AffinityInterest, AffinityState, SteppingAffinityInterest
from mmrec.affinities.kinds import CoOccurrence, EaseWeights, Successors
from mmrec.affinities.live import LiveNeighbours
from mmrec.affinities.neighbours import Neighbours
from mmrec.affinities.once import counted_in, counting_once
from mmrec.affinities.parts import content_columns, score_parts
from mmrec.affinities.per_item import LivePerItem, PerItem, Popularity, Unseen
from mmrec.affinities.protocol import LAST, Counted, LiveCounts, Recent
from mmrec.affinities.returns import Returns
from mmrec.affinities.scorer import AffinityScorer, LearnedRequest, LearnedReranker
from mmrec.affinities.similarity import without_novelty
from mmrec.affinities.wiring import ContentAffinity, learned, with_content

__all__ = [
    "COUNTED",
    "LAST",
    "AffinityFusion",
    "AffinityInterest",
    "AffinityScorer",
    "AffinityState",
    "CoOccurrence",
    "ContentAffinity",
    "ContentDirections",
    "Counted",
    "Directions",
    "EaseWeights",
    "LearnedRequest",
    "LearnedReranker",
    "LiveCounts",
    "LiveNeighbours",
    "LivePerItem",
    "Neighbours",
    "PerItem",
    "Popularity",
    "Recent",
    "Returns",
    "SteppingAffinityInterest",
    "Successors",
    "Unseen",
    "content_columns",
    "continued",
    "counted_from",
    "counted_in",
    "counting_once",
    "grown",
    "learned",
    "score_parts",
    "with_content",
    "without_novelty",
]
