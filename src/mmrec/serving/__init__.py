"""A live recommender over HTTP, with a page; extra ``serve``."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmrec.serving.app import create_app
    from mmrec.serving.guard import Limits
    from mmrec.serving.server import serve
    from mmrec.serving.settings import Settings

__all__ = ["Limits", "Settings", "create_app", "serve"]

_FILES = {"Limits": "guard", "Settings": "settings", "create_app": "app", "serve": "server"}


def __getattr__(name: str) -> Any:
    """Load what needs FastAPI when it is first used."""
    if name not in _FILES:
        raise AttributeError(f"module 'mmrec.serving' has no attribute {name!r}")
    try:
        return getattr(import_module(f"mmrec.serving.{_FILES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("mmrec"):
            raise
        raise ImportError(f"serving needs {error.name}: pip install 'mmrec[serve]'") from error
