"""One call: rows in, recommendations out.

``content/`` is what is encoded, ``parts/`` what a model is made of, ``pipeline/`` what is done, and
``artifact/`` what is kept.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmrec.recommender.options import Options

if TYPE_CHECKING:
    from mmrec.recommender.artifact import RecommenderState, RunError
    from mmrec.recommender.lists import Recommendation
    from mmrec.recommender.parts import Parts
    from mmrec.recommender.recommender import Recommender

__all__ = ["Options", "Parts", "Recommendation", "Recommender", "RecommenderState", "RunError"]

_FILES = {
    "Parts": "parts",
    "Recommendation": "lists",
    "Recommender": "recommender",
    "RecommenderState": "artifact",
    "RunError": "artifact",
}


def __getattr__(name: str) -> Any:
    """Load what needs PyTorch when it is first used; ``mmrec --help`` doesn't."""
    if name in _FILES:
        return getattr(import_module(f"mmrec.recommender.{_FILES[name]}"), name)
    raise AttributeError(f"module 'mmrec.recommender' has no attribute {name!r}")
