"""What is popular now, and how old an item is, as a term of the score.

``score = u · c + bonus(at)``, where ``at`` is the time of the request. A :class:`Trend` holds all
that the bonus needs, :class:`TrendHistory` answers for times in the past, :class:`LiveTrend` counts
events as they come, and :func:`fit_trend` finds half-life and weights on validation events.
"""

from mmrec.trends.age import AGE_KNOTS, about_undated, ages, created_times, undated
from mmrec.trends.created import CreatedTimes
from mmrec.trends.events import ItemEvents
from mmrec.trends.fit import as_before, fit_trend
from mmrec.trends.half_life import HALF_LIVES, choose_half_life, pseudo_count, shorter_times
from mmrec.trends.history import PopularityHistory
from mmrec.trends.live import LiveTrend
from mmrec.trends.popularity import DecayedCounts, smoothed_share
from mmrec.trends.regression import fit_softmax, softmax_errors
from mmrec.trends.requests import Requests
from mmrec.trends.terms import clustered_error
from mmrec.trends.trend import Trend
from mmrec.trends.trend_history import TrendHistory
from mmrec.trends.weights import TrendWeights

__all__ = [
    "AGE_KNOTS",
    "HALF_LIVES",
    "CreatedTimes",
    "DecayedCounts",
    "ItemEvents",
    "LiveTrend",
    "PopularityHistory",
    "Requests",
    "Trend",
    "TrendHistory",
    "TrendWeights",
    "about_undated",
    "ages",
    "as_before",
    "choose_half_life",
    "clustered_error",
    "created_times",
    "fit_softmax",
    "fit_trend",
    "pseudo_count",
    "shorter_times",
    "smoothed_share",
    "softmax_errors",
    "undated",
]
