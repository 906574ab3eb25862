"""A live recommender over HTTP, with a page; extra ``serve``."""

try:
    from mmrec.serving.app import create_app
    from mmrec.serving.guard import Limits
    from mmrec.serving.server import serve
    from mmrec.serving.settings import Settings
except ModuleNotFoundError as error:
    if (error.name or "").startswith("mmrec"):
        raise
    raise ImportError(f"serving needs {error.name}: pip install 'mmrec[serve]'") from error

__all__ = ["Limits", "Settings", "create_app", "serve"]
