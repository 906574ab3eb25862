"""Baselines that every report includes: popularity, a Markov chain and item-kNN."""

from mmrec.baselines.knn import ItemKNN
from mmrec.baselines.markov import Markov
from mmrec.baselines.popularity import Popularity

__all__ = ["ItemKNN", "Markov", "Popularity"]
