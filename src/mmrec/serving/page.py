"""The page: a list of items that changes with every click."""

from importlib.resources import files
from statistics import median

from jinja2 import Environment
from PIL import Image

from mmrec.data import Catalog
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender.popular import is_now

HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
}
"""The page loads files of this server only, and other pages can't frame it."""


def render_page(live: RealtimeRecommender, *, needs_token: bool) -> str:
    """Return the HTML of the page; its script fetches the rest.

    Args:
        live: the recommender.
        needs_token: whether the page must ask the user for a token.
    """
    text = (files("mmrec.serving") / "templates" / "index.html.j2").read_text(encoding="utf-8")
    template = Environment(autoescape=True).from_string(text)
    shape = f"{image_shape(live.catalog):.3f}"
    now = is_now(live.recommender.state)
    return template.render(
        needs_token=needs_token,
        items=len(live.catalog),
        shape=shape,
        popular="Popular now" if now else "Popular",
    )


def image_shape(catalog: Catalog, count: int = 9) -> float:
    """Return the median of width / height of a catalogue's images, limited to 0.6 to 1.5.

    Args:
        catalog: the items.
        count: number of items, from the first, whose images are read.

    Example:
        >>> image_shape(Catalog({"item_id": ["a"]}))
        1.0
    """
    shapes = []
    for item in catalog.frame["item_id"].head(count).to_list():
        path = catalog.image_path(item)
        try:
            with Image.open(path or "", formats=("JPEG", "PNG", "WEBP", "GIF")) as image:
                shapes.append(image.width / image.height)
        except (OSError, ValueError):  # no image, or an unreadable one
            continue
    return min(max(median(shapes), 0.6), 1.5) if shapes else 1.0
