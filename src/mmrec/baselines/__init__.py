"""Baselines: popularity, recent popularity, a Markov chain and item-kNN."""

from mmrec.baselines.knn import ItemKNN
from mmrec.baselines.markov import Markov
from mmrec.baselines.popularity import Popularity
from mmrec.baselines.recent import RecentPopularity

__all__ = ["ItemKNN", "Markov", "Popularity", "RecentPopularity"]
