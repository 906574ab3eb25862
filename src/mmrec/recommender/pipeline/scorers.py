"""The scorer of a recommender as it was at the times of a log."""

from dataclasses import replace

from mmrec.data import Split
from mmrec.evaluation.baselines import BEFORE
from mmrec.models import CatalogScorer
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.pipeline.affinity import recounted
from mmrec.recommender.pipeline.trend import trending


def scorer_at(state: RecommenderState, split: Split, part: str) -> CatalogScorer:
    """Return the scorer of a state for requests at the times of a part."""
    counted = recounted(state, split.until(BEFORE[part]))
    return trending(replace(state, neighbours=counted), split, part)
