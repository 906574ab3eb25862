"""mmrec: model components for multimodal, real-time recommendation.

``mmrec.Recommender`` trains a recommender in one call. The packages hold the components:
``data``, ``encoders``, ``fusion``, ``interest``, ``scoring``, ``losses``, ``sampling``,
``metrics``, ``models``, ``baselines``, ``evaluation`` and ``training``.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmrec.recommender import Options, Recommendation, Recommender

__version__ = "0.2.0"
__all__ = ["Options", "Recommendation", "Recommender", "__version__"]


def __getattr__(name: str) -> Any:
    """Load a public name or package when it is first used, so that ``import mmrec`` is quick."""
    if name in __all__:
        return getattr(import_module("mmrec.recommender"), name)
    # A package such as mmrec.recommender, which help(...) and docstrings name.
    if not name.startswith("_") and find_spec(f"mmrec.{name}") is not None:
        return import_module(f"mmrec.{name}")
    raise AttributeError(f"module 'mmrec' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return sorted(__all__)
