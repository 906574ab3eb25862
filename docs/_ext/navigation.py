"""The tree of pages beside each page, drawn without what it doesn't show.

Sphinx copies the contents of all pages for each page, each method of the API among them, and then
keeps the titles. This takes a quarter of a build.
"""

from functools import cache
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx


@cache
def _titles(env: Any) -> dict[str, nodes.bullet_list]:
    """Return the contents of each page: its title, and where other pages are listed."""
    return {name: _without_entries(toc.deepcopy()) for name, toc in env.tocs.items()}


def _without_entries(toc: nodes.bullet_list) -> nodes.bullet_list:
    for title in toc.children:
        for inner in [node for node in title.children if isinstance(node, nodes.bullet_list)]:
            if next(inner.findall(addnodes.toctree), None) is None:
                title.remove(inner)
    return toc


def light(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Let the theme make its tree of the titles alone."""
    full, env = context.get("toctree"), app.env
    if full is None:
        return

    def toctree(**how: Any) -> str:
        if not how.get("titles_only"):
            return full(**how)
        kept, env.tocs = env.tocs, _titles(env)
        try:
            return full(**how)
        finally:
            env.tocs = kept

    context["toctree"] = toctree


def setup(app: Sphinx) -> dict[str, bool]:
    """Come before the theme."""
    app.connect("html-page-context", light, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
