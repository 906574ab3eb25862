"""Events of users: observe, history, forget."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from mmrec.realtime import RealtimeRecommender
from mmrec.serving.item_presenter import ItemPresenter
from mmrec.serving.lanes import lane
from mmrec.serving.routes.strict import STRICT
from mmrec.serving.schemas import (
    ForgetRequest,
    Forgotten,
    History,
    InvalidBatch,
    Observation,
    Observations,
    Offset,
    Offsets,
    User,
)

WRITERS = 16
"""Events that are written at once; they share the wait for the disk."""

REFUSED_BATCH: dict[int | str, dict[str, Any]] = {
    400: {"model": InvalidBatch, "description": "Some events are invalid; none was stored."}
}


def event_routes(live: RealtimeRecommender, presenter: ItemPresenter) -> APIRouter:
    """Return the routes of users' events."""
    router = APIRouter()

    @router.post("/observe", summary="Observe an event")
    @lane(WRITERS)
    def observe(event: Observation) -> Offset:
        """The answer comes once the event is durable; the user's next list follows from it."""
        item = presenter.id_of(event.item, refresh=True)
        offset = live.observe(
            event.user, item, event.event_type, event.time, id=event.id, values=event.values
        )
        return Offset(offset=offset)

    @router.post("/events", summary="Observe many events", responses=REFUSED_BATCH)
    @lane(1)
    def observe_many(batch: Observations) -> Offsets:
        """All or none; the answer comes once they are durable. One invalid event refuses all."""
        rows = [_with_type(_with_item(event, presenter), live) for event in batch.events]
        before = live.log.last_offset
        offsets = live.observe_many(rows)
        new = {offset for offset in offsets if offset > before}
        return Offsets(offsets=offsets, known=len(offsets) - len(new))

    @router.get("/history", summary="A user's last events, oldest first", dependencies=STRICT)
    def history(
        user: Annotated[User, Query()], last: Annotated[int, Query(ge=1, le=10_000)] = 100
    ) -> History:
        return History(items=[presenter.past(event) for event in live.history(user, last=last)])

    @router.post("/forget", summary="Forget a user")
    @lane(1)
    def forget(request: ForgetRequest) -> Forgotten:
        """Removes the user's events, state and name."""
        return Forgotten(events=live.forget(request.user))

    return router


def _with_type(event: Any, live: RealtimeRecommender) -> Any:
    """Return an event that is yet to be checked, with the type that its values give it."""
    if not isinstance(event, dict) or not isinstance(values := event.get("values"), dict):
        return event
    kind = event.get("event_type", "view")
    rest = {name: value for name, value in event.items() if name != "values"}
    return rest | ({"event_type": live.type_of(kind, values)} if isinstance(kind, str) else {})


def _with_item(event: Any, presenter: ItemPresenter) -> Any:
    """Return an event that is yet to be checked, with its item as the catalogue has it."""
    if isinstance(event, dict) and isinstance(event.get("item"), str | int):
        return event | {"item": presenter.parsed(event["item"])}
    return event
