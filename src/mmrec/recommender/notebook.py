"""Lists of recommendations that a notebook shows as tables with pictures and titles.

For code they are plain lists: equal to them, and pickled, copied and written as JSON like them.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from mmrec.data import Catalog
from mmrec.display import Thumbnails, title_of
from mmrec.recommender.lists import Recommendation

MOST_LINES = 50
"""So many lines of a list are shown."""

MOST_LISTS = 10
"""So many of several lists are shown."""

LARGEST = 72
"""Longest side of a picture, in pixels."""

_CELL = 'style="text-align: left; vertical-align: middle"'


class RecommendationList(list[Recommendation]):
    """A list of recommendations, best first; a notebook shows it with pictures and titles.

    Args:
        lines: the recommendations.
        catalog: the items; it is read when the list is shown.

    Example:
        >>> catalog = Catalog({"item_id": ["a"], "title": ["A <lamp>"]})
        >>> shown = RecommendationList([Recommendation("a", 0.5, "interest")], catalog)
        >>> shown == [("a", 0.5, "interest")], "A &lt;lamp&gt;" in shown._repr_html_()
        (True, True)
    """

    def __init__(self, lines: Iterable[Recommendation], catalog: Catalog) -> None:
        super().__init__(lines)
        self._catalog = catalog

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return list, ([*self],)  # without the catalogue

    def _repr_html_(self) -> str:
        return _table(self, self._catalog, Thumbnails(self._catalog, size=LARGEST))


class RecommendationLists(list[list[Recommendation]]):
    """Lists of recommendations, one for each history; a notebook shows the first of them.

    Args:
        lists: the recommendations.
        catalog: the items.
    """

    def __init__(self, lists: Iterable[list[Recommendation]], catalog: Catalog) -> None:
        super().__init__(RecommendationList(lines, catalog) for lines in lists)
        self._catalog = catalog

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return list, ([[*lines] for lines in self],)

    def _repr_html_(self) -> str:
        pictures = Thumbnails(self._catalog, size=LARGEST)
        shown = [
            f"<p><b>history {number}</b></p>{_table(lines, self._catalog, pictures)}"
            for number, lines in enumerate(self[:MOST_LISTS])
        ]
        return "".join([*shown, _more(len(self) - MOST_LISTS, "list")])


def _table(lines: Sequence[Recommendation], catalog: Catalog, pictures: Thumbnails) -> str:
    """Return a list as a table; its columns are those that have something to show."""
    if not lines:
        return "<p>no item</p>"
    shown = lines[:MOST_LINES]
    images = [pictures[line.item] for line in shown]
    titles = [title_of(catalog, line.item) for line in shown]
    names = ["", *["picture"] * any(images), "item", *["title"] * any(titles), "score", "reason"]
    head = "".join(f"<th {_CELL}>{name}</th>" for name in names)
    rows = []
    for place, (line, image, title) in enumerate(zip(shown, images, titles, strict=True), 1):
        cells = [str(place)]
        if any(images):
            cells.append(f'<img src="{image}" alt="" style="max-width: none">' if image else "")
        cells.append(escape(str(line.item)))
        cells += [escape(title)] * any(titles)
        cells += [f"{line.score:.3f}", escape(line.reason)]
        rows.append("<tr>" + "".join(f"<td {_CELL}>{cell}</td>" for cell in cells) + "</tr>")
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return table + _more(len(lines) - MOST_LINES, "line")


def _more(count: int, what: str) -> str:
    return f"<p>and {count:,} more {what}{'' if count == 1 else 's'}</p>" if count > 0 else ""
