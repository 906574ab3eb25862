"""The HTTP interface of a live recommender."""

from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline

from mmrec import __version__
from mmrec.realtime import RealtimeRecommender
from mmrec.serving.errors import REFUSED, answer_errors
from mmrec.serving.guard import Guard, Limits, allowed_hosts
from mmrec.serving.item_presenter import ItemPresenter
from mmrec.serving.metrics import Metrics, Timed
from mmrec.serving.routes import event_routes, item_routes, list_routes, service_routes


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
        limits: limits of sizes and rates.
        token: what clients must send; None if no token is needed.
        host: the address that it will listen on, for the check of the Host header.
        readers: number of lists that are computed at once, see ``mmrec.serving.lanes.lane``.
        title_column: the catalogue's column of titles; an item without one is shown by its name, or
            by the beginning of its description or text.
        lifespan: see :class:`fastapi.FastAPI`.
    """
    limits = limits or Limits()
    app = FastAPIOffline(  # a page that loads nothing from elsewhere
        redoc_url=None,
        static_url="/docs-files",
        title="mmrec",
        version=__version__,
        responses=REFUSED,
        lifespan=lifespan,
    )
    metrics, presenter = Metrics(live), ItemPresenter(live, title_column)
    app.add_middleware(Guard, limits=limits, token=token, hosts=allowed_hosts(host))
    app.add_middleware(Timed, metrics=metrics)  # outermost: refused requests are timed too
    answer_errors(app)
    app.mount("/static", StaticFiles(directory=str(files("mmrec.serving") / "static")))
    for router in (
        event_routes(live, presenter),
        list_routes(live, presenter, longest=limits.k, readers=readers),
        item_routes(live, presenter),
        service_routes(live, metrics, needs_token=token is not None),
    ):
        app.include_router(router)
    return app
