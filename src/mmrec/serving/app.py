"""The HTTP interface of a live recommender."""

import base64
import binascii
from importlib.resources import files
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from mmrec import __version__
from mmrec.data import ItemId
from mmrec.realtime import RealtimeRecommender
from mmrec.serving.errors import REFUSED, answer_errors
from mmrec.serving.guard import Guard, Limits, allowed_hosts
from mmrec.serving.item_presenter import ItemPresenter
from mmrec.serving.lanes import lane
from mmrec.serving.metrics import Metrics, Timed
from mmrec.serving.page import HEADERS, render_page
from mmrec.serving.schemas import (
    Changed,
    Explained,
    Forgotten,
    Health,
    History,
    Ids,
    Observation,
    Offset,
    Recommendations,
    Rows,
    Somebody,
    User,
)

PICTURE_HEADERS = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
WRITERS = 16
"""Events written at once; they wait for the disk together."""


def _only_known(request: Request) -> None:
    """Refuse a query with a parameter that its address doesn't have: it may be a slip."""
    known = [parameter.alias for parameter in request.scope["route"].dependant.query_params]
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        raise HTTPException(422, f"the query has the parameters {known}; got {unknown[:3]}")


STRICT = [Depends(_only_known)]


def create_app(
    live: RealtimeRecommender,
    *,
    limits: Limits | None = None,
    token: str | None = None,
    host: str = "127.0.0.1",
    readers: int = 2,
    title_column: str = "title",
    lifespan: Any = None,
) -> FastAPI:
    """Return the application that serves a live recommender.

    Args:
        live: the recommender.
        limits: of sizes and rates.
        token: what clients must send; None where everyone that reaches the server may ask.
        host: where it will be served, for the check of the Host header.
        readers: lists made at once, see :func:`mmrec.serving.lanes.lane`.
        title_column: the catalogue's column of titles.
        lifespan: see :class:`fastapi.FastAPI`.
    """
    limits = limits or Limits()
    app = FastAPI(title="mmrec", version=__version__, responses=REFUSED, lifespan=lifespan)
    metrics = Metrics(live)
    app.add_middleware(Guard, limits=limits, token=token, hosts=allowed_hosts(host))
    app.add_middleware(Timed, metrics=metrics)
    app.mount("/static", StaticFiles(directory=str(files("mmrec.serving") / "static")))
    answer_errors(app)
    show = ItemPresenter(live, title_column)

    # Lists are computed, so their lane is narrow; the others mostly wait, for disk or encoder.
    listing, writing, changing, forgetting = lane(readers), lane(WRITERS), lane(1), lane(1)

    @app.post("/observe", summary="Observe an event")
    @writing
    def observe(event: Observation) -> Offset:
        """Answers once the event is durable; the user's next list follows it."""
        item = show.id_of(event.item, refresh=True)
        offset = live.observe(event.user, item, event.event, event.time, id=event.id)
        return Offset(offset=offset)

    @app.get("/recommend", summary="Recommend items to a user", dependencies=STRICT)
    @listing
    def recommend(
        user: Annotated[User, Query()],
        k: Annotated[int, Query(ge=1, le=limits.k)] = 10,
        exclude_seen: bool = True,
        where: Annotated[
            list[str] | None, Query(description="column:value, only items that have it")
        ] = None,
    ) -> Recommendations:
        """Someone unknown gets popular items that differ."""
        version, conditions = live.version, _conditions(where or [])
        found = live.recommend(user, k=k, exclude_seen=exclude_seen, where=conditions)
        return Recommendations(items=[show.line(line) for line in found], model=version)

    @app.get("/history", summary="A user's last events, oldest first", dependencies=STRICT)
    def history(
        user: Annotated[User, Query()], last: Annotated[int, Query(ge=1, le=10_000)] = 100
    ) -> History:
        return History(items=[show.past(event) for event in live.history(user, last=last)])

    @app.get("/explain", summary="Why an item is recommended to a user", dependencies=STRICT)
    @listing
    def explain(user: Annotated[User, Query()], item: Annotated[str, Query()]) -> Explained:
        """What the score would lose without each past item, and without each modality."""
        why = live.explain(user, show.id_of(item))
        past = [
            {"item": past, "title": show.title(past), "share": share} for past, share in why.history
        ]
        return Explained(item=why.item, score=why.score, history=past, modalities=why.modalities)

    @app.post("/items", summary="Add items", status_code=201)
    @changing
    def add_items(rows: Rows) -> Changed:
        """They can be recommended at once, by their content."""
        images = _decoded(rows.images)
        return Changed(items=live.add_items(show.new(rows.items), images=images))

    @app.patch("/items", summary="Change items")
    @changing
    def update_items(rows: Rows) -> Changed:
        """What a row leaves out stays; items that were removed come back."""
        images = _decoded(rows.images)
        columns = show.changed(rows.items, images=bool(images))
        return Changed(items=live.update_items(columns, images=images))

    @app.delete("/items", summary="Remove items")
    @changing
    def remove_items(ids: Ids) -> Changed:
        """They are recommended no more."""
        items = [show.id_of(item, refresh=True) for item in ids.items]
        live.remove_items(items)
        return Changed(items=items)

    @app.post("/forget", summary="Forget a user")
    @forgetting
    def forget(somebody: Somebody) -> Forgotten:
        """Removes the user's events, state and name."""
        return Forgotten(events=live.forget(somebody.user))

    @app.get("/health", summary="Whether the service is well")
    def health() -> Health:
        return Health(
            status="ok",
            model=live.version,
            items=int(live.available.sum()),
            offset=live.log.last_offset,
            sessions=len(live.sessions),
        )

    @app.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    def figures() -> Response:
        return Response(metrics.text(), media_type=metrics.media_type)

    @app.get("/images/{item:path}", summary="An item's image", response_class=FileResponse)
    def image(item: str) -> FileResponse:
        path = live.catalog.image_path(show.id_of(item))
        if path is None or not path.is_file():
            raise HTTPException(404, f"item {item!r} has no image")
        return FileResponse(path, headers=PICTURE_HEADERS)

    @app.get("/", include_in_schema=False, response_class=HTMLResponse)
    def page() -> HTMLResponse:
        return HTMLResponse(render_page(live, needs_token=token is not None), headers=HEADERS)

    return app


def _conditions(where: list[str]) -> dict[str, Any] | None:
    """Return ``column:value`` texts as the conditions of a catalogue."""
    conditions: dict[str, list[str]] = {}
    for text in where:
        column, colon, value = text.partition(":")
        if not colon:
            raise ValueError(f"where must be column:value; got {text!r}")
        conditions.setdefault(column, []).append(value)
    return conditions or None


def _decoded(images: dict[str, str]) -> dict[ItemId, bytes]:
    """Return images that were sent as base64."""
    try:
        return {item: base64.b64decode(text, validate=True) for item, text in images.items()}
    except (binascii.Error, ValueError) as error:
        raise ValueError("images must be base64 of JPEG, PNG or WebP files") from error
