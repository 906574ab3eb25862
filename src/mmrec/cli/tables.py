"""Lists as plain text."""

from collections.abc import Sequence
from typing import Any

from mmrec.data import Catalog, ItemId, Where
from mmrec.data.wording import counted
from mmrec.display import title_of
from mmrec.recommender.report import metrics_table

__all__ = ["metrics_table", "recommendations_table", "similar_table"]


def recommendations_table(
    catalog: Catalog,
    history: Sequence[ItemId],
    lines: Sequence[Any],
    *,
    where: Where | None = None,
    popular: str = "what is popular",
) -> str:
    """Return a history and the list recommended for it, with titles, or why the list is empty.

    Args:
        catalog: the items.
        history: what the list is for; if it is empty, the list is for a user with features, or of
            popular items.
        lines: the list.
        where: the condition that its items meet.
        popular: by which rule items are popular.
    """
    known = any(line.reason == "interest" for line in lines)
    nobody = (
        "without a history, by the features of the user:" if known else f"no history: {popular}"
    )
    rows = [f"after {counted(len(history), 'item')}:" if history else nobody]
    rows += [f"         {item}  {title_of(catalog, item)}" for item in history]
    return "\n".join([*rows, *_ranked(catalog, lines, where)])


def similar_table(
    catalog: Catalog, item: ItemId, lines: Sequence[Any], *, where: Where | None = None
) -> str:
    """Return an item and those that are like it, with titles, or why there are none."""
    said = f"like {item}  {title_of(catalog, item)}".rstrip()
    return "\n".join([f"{said}:", *_ranked(catalog, lines, where)])


def _ranked(catalog: Catalog, lines: Sequence[Any], where: Where | None) -> list[str]:
    """Return a row for each line of a list; of an empty one, why it is empty."""
    if not lines:
        unmet = where is not None and not catalog.where(where).any()
        return ["no item meets the condition" if unmet else "no item is left to recommend"]
    return [
        f"{place:>3}. {line.score:8.3f}  {line.item}  {title_of(catalog, line.item)}"
        for place, line in enumerate(lines, 1)
    ]
