"""The HTTP interface of a live recommender."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.middleware.trustedhost import TrustedHostMiddleware

from mmrec import __version__
from mmrec.data import ItemId
from mmrec.realtime import RealtimeRecommender
from mmrec.serving.guard import Guard, Limits, allowed_hosts
from mmrec.serving.metrics import Metrics
from mmrec.serving.page import render_page
from mmrec.serving.schemas import (
    Changed,
    Explained,
    Forgotten,
    Health,
    History,
    Ids,
    Line,
    Observation,
    Offset,
    Past,
    Problem,
    Recommendations,
    Rows,
    Somebody,
    User,
)

REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "What was asked for makes no sense here."},
    401: {"model": Problem, "description": "The token is missing or wrong."},
    404: {"model": Problem, "description": "There is no such item."},
    413: {"model": Problem, "description": "The request is too large."},
    429: {"model": Problem, "description": "Too many requests."},
    503: {"model": Problem, "description": "The event can't be stored at the moment."},
}


def create_app(
    live: RealtimeRecommender,
    *,
    limits: Limits | None = None,
    token: str | None = None,
    host: str = "127.0.0.1",
    title_column: str = "title",
    lifespan: Any = None,
) -> FastAPI:
    """Return the application that serves a live recommender.

    Args:
        live: the recommender.
        limits: of sizes and rates.
        token: what clients must send; None where everyone that reaches the server may ask.
        host: where it will be served, for the check of the Host header.
        title_column: the catalogue's column of titles.
        lifespan: see :class:`fastapi.FastAPI`.
    """
    limits = limits or Limits()
    app = FastAPI(title="mmrec", version=__version__, responses=REFUSED, lifespan=lifespan)
    metrics = Metrics(live)
    app.add_middleware(Guard, limits=limits, token=token)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts(host))
    app.mount("/static", StaticFiles(directory=str(files("mmrec.serving") / "static")))
    _answer_errors(app)
    show = _Shown(live, title_column)

    @app.middleware("http")
    async def timed(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        with metrics.timed(request):
            return await call_next(request)

    @app.post("/observe", summary="Observe an event")
    def observe(event: Observation) -> Offset:
        """Answers once the event is durable; the user's next list follows it."""
        item = show.id_of(event.item)
        offset = live.observe(event.user, item, event.event, event.time, id=event.id)
        return Offset(offset=offset)

    @app.get("/recommend", summary="Recommend items to a user")
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

    @app.get("/history", summary="A user's last events, oldest first")
    def history(
        user: Annotated[User, Query()], last: Annotated[int, Query(ge=1, le=10_000)] = 100
    ) -> History:
        return History(items=[show.past(event) for event in live.history(user, last=last)])

    @app.get("/explain", summary="Why an item is recommended to a user")
    def explain(user: Annotated[User, Query()], item: Annotated[str, Query()]) -> Explained:
        """What the score would lose without each past item, and without each modality."""
        why = live.explain(user, show.id_of(item))
        past = [
            {"item": past, "title": show.title(past), "share": share} for past, share in why.history
        ]
        return Explained(item=why.item, score=why.score, history=past, modalities=why.modalities)

    @app.post("/items", summary="Add items", status_code=201)
    def add_items(rows: Rows) -> Changed:
        """They can be recommended at once, by their content."""
        return Changed(items=live.add_items(rows.items, pictures=_decoded(rows.pictures)))

    @app.patch("/items", summary="Change items")
    def update_items(rows: Rows) -> Changed:
        """What a row leaves out stays; items that were removed come back."""
        return Changed(items=live.update_items(rows.items, pictures=_decoded(rows.pictures)))

    @app.delete("/items", summary="Remove items")
    def remove_items(ids: Ids) -> Changed:
        """They are recommended no more."""
        items = [show.id_of(item) for item in ids.items]
        live.remove_items(items)
        return Changed(items=items)

    @app.post("/forget", summary="Forget a user")
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

    @app.get("/pictures/{item:path}", summary="An item's picture", response_class=FileResponse)
    def picture(item: str) -> FileResponse:
        path = live.catalog.image_path(show.id_of(item))
        if path is None or not path.is_file():
            raise HTTPException(404, f"item {item!r} has no picture")
        return FileResponse(path, headers={"Cache-Control": "max-age=3600"})

    @app.get("/", include_in_schema=False, response_class=HTMLResponse)
    def page() -> HTMLResponse:
        return HTMLResponse(render_page(live, needs_token=token is not None))

    return app


class _Shown:
    """What clients are shown of items."""

    def __init__(self, live: RealtimeRecommender, title_column: str) -> None:
        self.live, self.title_column = live, title_column

    def id_of(self, item: ItemId) -> ItemId:
        """Return the catalogue's id for one that was sent.

        Raises:
            HTTPException: there is no such item.
        """
        catalog = self.live.catalog
        if item in catalog:
            return item
        try:  # a path or a query is always text
            known = catalog.parse_ids([item])[0] if isinstance(item, str) else item
        except ValueError:
            known = item
        if known not in catalog:
            raise HTTPException(404, f"there is no item {item!r} in the catalogue")
        return known

    def title(self, item: ItemId) -> str | None:
        """Return an item's title, or None."""
        if item not in self.live.catalog:
            return None
        title = self.live.catalog.row(item).get(self.title_column)
        return None if title is None else str(title)

    def line(self, line: Any) -> Line:
        """Return a line of a list."""
        picture, title = self._picture(line.item), self.title(line.item)
        return Line(
            item=line.item, score=line.score, title=title, reason=line.reason, picture=picture
        )

    def past(self, event: Any) -> Past:
        """Return an event of a history."""
        return Past(
            item=event.item,
            title=self.title(event.item),
            event=event.kind,
            time=event.time,
            offset=event.offset,
            picture=self._picture(event.item),
        )

    def _picture(self, item: ItemId) -> str | None:
        catalog = self.live.catalog
        if item not in catalog or catalog.image_path(item) is None:
            return None
        return f"/pictures/{quote(str(item), safe='')}"


def _answer_errors(app: FastAPI) -> None:
    """Say what was wrong with a request in one sentence, and change nothing."""

    @app.exception_handler(ValueError)
    async def refused(_: Request, error: ValueError) -> JSONResponse:
        return JSONResponse({"detail": " ".join(str(error).split())}, 400)

    @app.exception_handler(OSError)
    async def unable(_: Request, error: OSError) -> JSONResponse:
        return JSONResponse({"detail": " ".join(str(error).split())}, 503)


def _conditions(where: list[str]) -> dict[str, Any] | None:
    """Return ``column:value`` texts as the conditions of a catalogue."""
    conditions: dict[str, list[str]] = {}
    for text in where:
        column, colon, value = text.partition(":")
        if not colon:
            raise ValueError(f"where must be column:value; got {text!r}")
        conditions.setdefault(column, []).append(value)
    return conditions or None


def _decoded(pictures: dict[str, str]) -> dict[ItemId, bytes]:
    """Return pictures that were sent as base64."""
    try:
        return {item: base64.b64decode(text, validate=True) for item, text in pictures.items()}
    except (binascii.Error, ValueError) as error:
        raise ValueError("pictures must be base64 of JPEG, PNG or WebP files") from error
