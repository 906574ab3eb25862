"""What a reader sees for an item or a baseline."""

from mmrec.data import Catalog, ItemId

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
    """Return the title of an item; "" where it has none.

    Example:
        >>> title_of(Catalog({"item_id": ["a"], "title": ["A lamp"]}), "a")
        'A lamp'
    """
    row = catalog.row(item)
    return str(row.get("title") or row.get("name") or "")
