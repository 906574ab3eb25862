"""One call: rows in, recommendations out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmrec.recommender.options import Options

if TYPE_CHECKING:
    from mmrec.recommender.lists import Recommendation
    from mmrec.recommender.recommender import Recommender
    from mmrec.recommender.run import RunError

__all__ = ["Options", "Recommendation", "Recommender", "RunError"]

_FILES = {"Recommendation": "lists", "Recommender": "recommender", "RunError": "run"}


def __getattr__(name: str) -> Any:
    """Load what needs PyTorch when it is first used; ``mmrec --help`` doesn't."""
    if name in _FILES:
        return getattr(import_module(f"mmrec.recommender.{_FILES[name]}"), name)
    raise AttributeError(f"module 'mmrec.recommender' has no attribute {name!r}")
