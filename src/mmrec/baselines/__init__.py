"""Baselines: popularity, Markov chain, item-kNN, EASE, nearest in content; click rates."""

from mmrec.baselines.click_rates import click_rates
from mmrec.baselines.content import ContentNearest
from mmrec.baselines.ease import EASE
from mmrec.baselines.knn import ItemKNN
from mmrec.baselines.markov import Markov
from mmrec.baselines.popularity import Popularity
from mmrec.baselines.protocol import Baseline
from mmrec.baselines.recent import RecentPopularity
from mmrec.baselines.windowed import WindowedPopularity

__all__ = [
    "EASE",
    "Baseline",
    "ContentNearest",
    "ItemKNN",
    "Markov",
    "Popularity",
    "RecentPopularity",
    "WindowedPopularity",
    "click_rates",
]
