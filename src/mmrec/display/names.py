"""What a reader sees for an item or a baseline."""

from collections.abc import Mapping
from typing import Any

from mmrec.data import Catalog, ItemId
from mmrec.data.cleaning import clean_text
from mmrec.data.text import DESCRIPTIONS, TITLES

LONGEST = 80
"""Characters of a description that stands for a title."""

BASELINE_NAMES = {
    "popularity": "Popularity",
    "recent-popularity": "Recent popularity",
    "windowed-popularity": "Windowed popularity",
    "markov": "Markov chain",
    "item-knn": "Item-kNN",
    "ease": "EASE",
    "content-nearest": "Nearest in content",
}
"""What a reader sees for the names that a report has."""


def title_of(catalog: Catalog, item: ItemId) -> str:
    """Return the title of an item; "" where it has none, see :func:`title_in`.

    Example:
        >>> title_of(Catalog({"item_id": ["a"], "title": ["A lamp"]}), "a")
        'A lamp'
    """
    return title_in(catalog.row(item))


def title_in(row: Mapping[str, Any], column: str = "title") -> str:
    """Return the title in the row of an item; "" where it has none.

    It is in ``column``, or in a column such as ``name``; upper and lower case are the same. An item
    without one, such as a post, is known by the beginning of its description or text.

    Example:
        >>> title_in({"item_id": 1, "title": None, "Name": "A lamp", "text": "It shines."})
        'A lamp'
        >>> title_in({"item_id": 2, "text": "Who else has seen the <b>green</b> comet tonight?"})
        'Who else has seen the green comet tonight?'
    """
    lower = {name.lower(): name for name in reversed(list(row))}
    for name in (column, *(lower[name] for name in TITLES if name in lower)):
        value = row.get(name)
        if value and value == value:  # NaN is no title
            return str(value)
    for name in DESCRIPTIONS:
        value = row[lower[name]] if name in lower else None
        if isinstance(value, str) and (text := clean_text(value)):
            return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"
    return ""
