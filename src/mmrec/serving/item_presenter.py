"""What clients are shown of items, and how they name them."""

from typing import Any
from urllib.parse import quote
from zlib import crc32

from fastapi import HTTPException

from mmrec.data import ItemId
from mmrec.realtime import Event, RealtimeRecommender
from mmrec.recommender.lists import Recommendation
from mmrec.serving.schemas import Line, Past, Row


class ItemPresenter:
    """The items of a live recommender as clients see them.

    Args:
        live: the recommender.
        title_column: the catalogue's column of titles.
    """

    def __init__(self, live: RealtimeRecommender, title_column: str) -> None:
        self.live, self.title_column = live, title_column

    def id_of(self, item: ItemId, *, refresh: bool = False) -> ItemId:
        """Return the catalogue's id for one that was sent.

        Args:
            item: an id.
            refresh: take over what other processes have added where the id is unknown; it takes
                long.

        Raises:
            HTTPException: there is no such item.
        """
        known: ItemId = self._parsed(item)
        if refresh and known not in self.live.catalog:
            self.live.refresh()
        if known not in self.live.catalog:
            raise HTTPException(404, f"there is no item {item!r} in the catalogue")
        return known

    def new(self, rows: list[Row]) -> dict[str, list[Any]]:
        """Return items that were sent as columns, their ids as the catalogue's.

        Raises:
            ValueError: a row has no id, or a column that the catalogue lacks.
        """
        known = self.live.catalog.frame.columns
        sent = {name for row in rows for name in row}
        if any(row.get("item_id") is None for row in rows):
            raise ValueError("every item needs an item_id")
        if not sent <= set(known):
            unknown = sorted(sent - set(known))[:3]
            raise ValueError(f"items have the columns {known}; got {unknown!r}")
        made = [row | {"item_id": self._parsed(row["item_id"])} for row in rows]
        return {name: [row.get(name) for row in made] for name in known if name in sent}

    def changed(self, rows: list[Row], *, images: bool) -> dict[str, list[Any]]:
        """Return changes that were sent as columns; what a row leaves out stays as it is.

        Args:
            rows: items, and what changes of them.
            images: whether some of them also get other images.

        Raises:
            ValueError: a row has no id, or a column that the catalogue lacks.
        """
        columns = self.new(rows)
        if images and "image" in self.live.catalog.frame.columns:
            columns.setdefault("image", [])
        now = [self._row(item) for item in columns["item_id"]]
        return {
            name: [row.get(name, was.get(name)) for row, was in zip(rows, now, strict=True)]
            for name in columns
        } | {"item_id": columns["item_id"]}

    def _row(self, item: Any) -> dict[str, Any]:
        catalog = self.live.catalog
        return catalog.row(item) if item in catalog else {}

    def title(self, item: ItemId) -> str | None:
        """Return an item's title, or None."""
        return self._look(item)[0]

    def line(self, line: Recommendation) -> Line:
        """Return a line of a list."""
        title, image = self._look(line.item)
        return Line(item=line.item, score=line.score, title=title, reason=line.reason, image=image)

    def past(self, event: Event) -> Past:
        """Return an event of a history."""
        title, image = self._look(event.item)
        return Past(
            item=event.item,
            title=title,
            event=event.event_type,
            time=event.time,
            offset=event.offset,
            image=image,
        )

    def _look(self, item: ItemId) -> tuple[str | None, str | None]:
        """Return an item's title and the address of its image; None where there is none."""
        row, image = self._row(item), None
        title, name = row.get(self.title_column), str(row.get("image") or "").strip()
        if name and self.live.catalog.images is not None:
            # Browsers keep images; another file is another address.
            image = f"/images/{quote(str(item), safe='')}?v={crc32(name.encode()):08x}"
        return None if title is None else str(title), image

    def _parsed(self, item: Any) -> Any:
        """Return an id as an integer where the catalogue's are: a query is always text."""
        catalog = self.live.catalog
        if item in catalog or not isinstance(item, str):
            return item
        try:
            return catalog.parse_ids([item])[0]
        except ValueError:
            return item
