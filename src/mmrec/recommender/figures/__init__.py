"""Figures of a trained recommender: training, metrics, slices, item vectors, modalities.

Each function takes a :class:`mmrec.recommender.artifact.RecommenderState` and returns a matplotlib
figure. They need ``pip install 'mmrec[compare]'``.
"""

from mmrec.recommender.figures.items import ItemMap, item_positions, plot_items
from mmrec.recommender.figures.measured import (
    Measured,
    measured,
    measured_baselines,
    measured_by_popularity,
    measured_slices,
)
from mmrec.recommender.figures.metrics import plot_metrics, plot_popularity, plot_slices
from mmrec.recommender.figures.modalities import modality_shares, plot_modalities
from mmrec.recommender.figures.training import plot_training

__all__ = [
    "ItemMap",
    "Measured",
    "item_positions",
    "measured",
    "measured_baselines",
    "measured_by_popularity",
    "measured_slices",
    "modality_shares",
    "plot_items",
    "plot_metrics",
    "plot_modalities",
    "plot_popularity",
    "plot_slices",
    "plot_training",
]
