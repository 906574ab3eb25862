"""Rows in, recommendations out.

``content/`` holds the modalities, ``parts/`` the parts of a model and how they are given,
``pipeline/`` training and measurement, ``artifact/`` the trained state and its files.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmrec.recommender.options import Options

if TYPE_CHECKING:
    from mmrec.recommender.artifact import RecommenderState, RunError
    from mmrec.recommender.config import FitConfig
    from mmrec.recommender.lists import Recommendation
    from mmrec.recommender.parts import Parts
    from mmrec.recommender.recommender import Recommender

__all__ = [
    "FitConfig",
    "Options",
    "Parts",
    "Recommendation",
    "Recommender",
    "RecommenderState",
    "RunError",
]

_FILES = {
    "FitConfig": "config",
    "Parts": "parts",
    "Recommendation": "lists",
    "Recommender": "recommender",
    "RecommenderState": "artifact",
    "RunError": "artifact",
}


def __getattr__(name: str) -> Any:
    """Load what needs PyTorch when it is first used, so that ``mmrec --help`` is quick."""
    if name in _FILES:
        return getattr(import_module(f"mmrec.recommender.{_FILES[name]}"), name)
    raise AttributeError(f"module 'mmrec.recommender' has no attribute {name!r}")
