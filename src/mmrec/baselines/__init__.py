"""Popularity, Markov chain and item-kNN: what every result is shown beside."""

from mmrec.baselines.knn import ItemKNN
from mmrec.baselines.markov import Markov
from mmrec.baselines.popularity import Popularity

__all__ = ["ItemKNN", "Markov", "Popularity"]
