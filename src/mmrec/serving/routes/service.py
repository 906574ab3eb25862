"""The service itself: health, metrics, page."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from mmrec.realtime import RealtimeRecommender
from mmrec.serving.metrics import Metrics
from mmrec.serving.page import HEADERS, render_page
from mmrec.serving.schemas import Health


def service_routes(live: RealtimeRecommender, metrics: Metrics, *, needs_token: bool) -> APIRouter:
    """Return the routes of the service."""
    router = APIRouter()

    @router.get("/health", summary="The state of the service")
    def health() -> Health:
        return Health(
            status="ok",
            model=live.version,
            items=int(live.available.sum()),
            offset=live.log.last_offset,
            sessions=len(live.sessions),
        )

    @router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
    def prometheus() -> Response:
        return Response(metrics.text(), media_type=metrics.media_type)

    @router.get("/", include_in_schema=False, response_class=HTMLResponse)
    def page() -> HTMLResponse:
        return HTMLResponse(render_page(live, needs_token=needs_token), headers=HEADERS)

    return router
