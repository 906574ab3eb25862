"""The page: a wall of items that follows every click."""

from importlib.resources import files

from jinja2 import Environment

from mmrec.realtime import RealtimeRecommender


def render_page(live: RealtimeRecommender, *, needs_token: bool) -> str:
    """Return the page's HTML; its script fetches everything else.

    Args:
        live: the recommender.
        needs_token: whether the page has to ask for a token first.
    """
    text = (files("mmrec.serving") / "templates" / "index.html.j2").read_text(encoding="utf-8")
    template = Environment(autoescape=True).from_string(text)
    return template.render(needs_token=needs_token, items=len(live.catalog))
