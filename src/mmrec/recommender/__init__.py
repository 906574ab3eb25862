"""One call: rows in, recommendations out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmrec.recommender.options import Options

if TYPE_CHECKING:
    from mmrec.recommender.recommender import Recommendation, Recommender
    from mmrec.recommender.run import RunError

__all__ = ["Options", "Recommendation", "Recommender", "RunError"]


def __getattr__(name: str) -> Any:
    """Load what needs PyTorch when it is first used; ``mmrec --help`` doesn't."""
    if name in __all__:
        file = "run" if name == "RunError" else "recommender"
        return getattr(import_module(f"mmrec.recommender.{file}"), name)
    raise AttributeError(f"module 'mmrec.recommender' has no attribute {name!r}")
