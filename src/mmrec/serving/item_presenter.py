"""Items as clients see them, and the ids that clients send."""

import os
from typing import Any
from urllib.parse import quote
from zlib import crc32

from fastapi import HTTPException

from mmrec.data import ItemId
from mmrec.data.columns import require_known
from mmrec.display import title_in
from mmrec.realtime import Event, Explanation, RealtimeRecommender
from mmrec.recommender.lists import Recommendation
from mmrec.serving.schemas import Explained, Line, Past, Row


class ItemPresenter:
    """Translates between the items of a live recommender and those of requests and answers.

    Args:
        live: the recommender.
        title_column: the catalogue's column of titles; where it is empty, another text stands for
            it, see :func:`mmrec.display.title_in`.
    """

    def __init__(self, live: RealtimeRecommender, title_column: str) -> None:
        self.live, self.title_column = live, title_column

    def id_of(self, item: ItemId, *, refresh: bool = False) -> ItemId:
        """Return the catalogue's id for an id that was sent.

        Args:
            item: an id.
            refresh: if the id is unknown, first take over the items of other processes; this may
                take long.

        Raises:
            HTTPException: there is no such item.
        """
        known: ItemId = self.parsed(item)
        if refresh and known not in self.live.catalog:
            self.live.refresh()
        if known not in self.live.catalog:
            raise HTTPException(404, f"there is no item {item!r} in the catalogue")
        return known

    def new(self, rows: list[Row]) -> dict[str, list[Any]]:
        """Return new items as columns, with ids of the catalogue's type.

        Raises:
            ValueError: a row has no id, or a column that the catalogue lacks.
        """
        known = self.live.catalog.columns
        sent = {name for row in rows for name in row}
        require_known(sorted(sent), known, self.live.snapshots.now.state.columns_read)
        if any(row.get("item_id") is None for row in rows):
            raise ValueError("every item needs an item_id")
        made = [row | {"item_id": self.parsed(row["item_id"])} for row in rows]
        names = [name for name in known if name in sent] + sorted(sent - {*known})
        return {name: [row.get(name) for row in made] for name in names}

    def changed(self, rows: list[Row], *, images: bool) -> dict[str, list[Any]]:
        """Return changed items as columns; values that a row leaves out stay the same.

        Args:
            rows: ids of items and the values that change.
            images: whether some of the items also get other images.

        Raises:
            ValueError: a row has no id, or a column that the catalogue lacks.
        """
        columns = self.new(rows)
        if images and "image" in self.live.catalog.columns:
            columns.setdefault("image", [])
        now = [self._row(item) for item in columns["item_id"]]
        return {
            name: [row.get(name, was.get(name)) for row, was in zip(rows, now, strict=True)]
            for name in columns
        } | {"item_id": columns["item_id"]}

    def _row(self, item: Any) -> dict[str, Any]:
        catalog = self.live.catalog
        return catalog.row(item) if item in catalog else {}

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
            event_type=event.event_type,
            time=event.time,
            offset=event.offset,
            values=dict(event.values or {}),
            image=image,
        )

    def explained(self, why: Explanation) -> Explained:
        """Return an explanation."""
        history = [
            {"item": item, "title": self._look(item)[0], "share": share}
            for item, share in why.history
        ]
        return Explained(
            item=why.item,
            score=why.score,
            terms=why.terms,
            history=history,
            modalities=why.modalities,
            rule=why.rule,
        )

    def _look(self, item: ItemId) -> tuple[str | None, str | None]:
        """Return an item's title and the address of its image, or None for either."""
        catalog, image = self.live.catalog, None
        path = catalog.image_path(item) if item in catalog else None
        if path is not None and os.path.isfile(path):  # noqa: PTH113
            # Browsers cache images, so another file needs another address.
            image = f"/images/{quote(str(item), safe='')}?v={crc32(str(path).encode()):08x}"
        return title_in(self._row(item), self.title_column) or None, image

    def parsed(self, item: Any) -> Any:
        """Return an id as the catalogue writes it: queries hold only text."""
        if isinstance(item, bool) or not isinstance(item, str | int | float):
            return item
        return self.live.catalog.written(item)
