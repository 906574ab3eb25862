"""Items of the catalogue: add, change, remove, restore, and their images."""

import base64
import binascii
import logging
import os

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

from mmrec.data import ItemId
from mmrec.realtime import RealtimeRecommender
from mmrec.serving.item_presenter import ItemPresenter
from mmrec.serving.lanes import lane
from mmrec.serving.schemas import Changed, Ids, Rows

log = logging.getLogger(__name__)

IMAGE_HEADERS = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}


def item_routes(live: RealtimeRecommender, presenter: ItemPresenter) -> APIRouter:
    """Return the routes of items. Changes run one after another."""
    router, changing = APIRouter(), lane(1)

    def changed(items: list[ItemId]) -> Changed:
        try:
            note = live.without_content(items)
        except OSError as error:  # an error would claim that the items were not stored
            log.warning("items %.200s are stored; what they lack is not known: %s", items, error)
            note = None
        return Changed(items=items, note=note)

    @router.post("/items", summary="Add items", status_code=201, response_model_exclude_none=True)
    @changing
    def add_items(rows: Rows) -> Changed:
        """They can be recommended at once, by their content."""
        images = _decoded(rows.images)
        return changed(live.add_items(presenter.new(rows.items), images=images))

    @router.patch("/items", summary="Change items", response_model_exclude_none=True)
    @changing
    def update_items(rows: Rows) -> Changed:
        """Columns that a row leaves out stay the same; values keep the types of their columns."""
        images = _decoded(rows.images)
        columns = presenter.changed(rows.items, images=bool(images))
        for item in columns["item_id"]:
            presenter.id_of(item, refresh=True)
        return changed(live.update_items(columns, images=images))

    @router.delete("/items", summary="Remove items", response_model_exclude_none=True)
    @changing
    def remove_items(ids: Ids) -> Changed:
        """They are not recommended until they are restored; events on them are still observed."""
        items = [presenter.id_of(item, refresh=True) for item in ids.items]
        live.remove_items(items)
        return Changed(items=items)

    @router.post("/items/restore", summary="Restore items", response_model_exclude_none=True)
    @changing
    def restore_items(ids: Ids) -> Changed:
        """Removed items are recommended again, as they were."""
        items = [presenter.id_of(item, refresh=True) for item in ids.items]
        live.restore_items(items)
        return Changed(items=items)

    @router.get("/images/{item:path}", summary="An item's image", response_class=FileResponse)
    def image(item: str) -> FileResponse:
        path = live.catalog.image_path(presenter.id_of(item))
        if path is None or not os.path.isfile(path):  # noqa: PTH113
            raise HTTPException(404, f"item {item!r} has no image")
        return FileResponse(path, headers=IMAGE_HEADERS)

    return router


def _decoded(images: dict[str, str]) -> dict[ItemId, bytes]:
    """Return images that were sent as base64."""
    try:
        return {item: base64.b64decode(text, validate=True) for item, text in images.items()}
    except (binascii.Error, ValueError) as error:
        raise ValueError("images must be base64 of JPEG, PNG, WebP or GIF files") from error
