"""Events of users: observe, history, merge, forget."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from mmrec.realtime import RealtimeRecommender
from mmrec.realtime.log.event_rows import with_our_names
from mmrec.serving.item_presenter import ItemPresenter
from mmrec.serving.lanes import lane
from mmrec.serving.routes.strict import STRICT
from mmrec.serving.schemas import (
    ForgetRequest,
    Forgotten,
    History,
    InvalidBatch,
    Merged,
    MergeRequest,
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

    @router.post("/observe", summary="Observe an event", response_model_exclude_none=True)
    @lane(WRITERS)
    def observe(event: Observation) -> Offset:
        """The answer comes once the event is durable; the user's next list follows from it."""
        item = presenter.id_of(event.item, refresh=True)
        kind, values = event.event_type, event.values
        [offset], note = live.observe_with_note(
            event.user, item, kind, event.time, id=event.id, values=values
        )
        return Offset(offset=offset, note=note)

    @router.post(
        "/events",
        summary="Observe many events",
        responses=REFUSED_BATCH,
        response_model_exclude_none=True,
    )
    @lane(1)
    def observe_many(batch: Observations) -> Offsets:
        """All or none; the answer comes once they are durable. One invalid event refuses all."""
        rows: list[Any] = [_with_our_names(event) for event in batch.events]
        checked = live.read([_with_item(row, presenter) for row in rows])
        before = live.log.last_offset
        offsets, note = live.append(checked)
        new = {offset for offset in offsets if offset > before}
        return Offsets(offsets=offsets, known=len(offsets) - len(new), note=note)

    @router.get("/history", summary="A user's last events, oldest first", dependencies=STRICT)
    def history(
        user: Annotated[User, Query()], last: Annotated[int, Query(ge=1, le=10_000)] = 100
    ) -> History:
        return History(items=[presenter.past(event) for event in live.history(user, last=last)])

    @router.post("/merge", summary="Merge a user into another")
    @lane(1)
    def merge(request: MergeRequest) -> Merged:
        """Moves the events of a visitor who has logged in. Called again, it moves those since then.

        A visitor who was merged into another user is refused: who logs out needs a new id.
        """
        return Merged(events=live.merge_users(request.source, request.target))

    @router.post("/forget", summary="Forget a user")
    @lane(1)
    def forget(request: ForgetRequest) -> Forgotten:
        """Removes the user's events, state and name. What was merged into another user stays."""
        return Forgotten(events=live.forget(request.user))

    return router


def _with_our_names(event: Any) -> Any:
    """Return an event that is yet to be checked, its fields named as in `Observation`."""
    return with_our_names(event) if isinstance(event, dict) else event


def _with_item(event: Any, presenter: ItemPresenter) -> Any:
    """Return an event that is yet to be checked, with its item as the catalogue has it."""
    if isinstance(event, dict) and isinstance(event.get("item"), str | int):
        return event | {"item": presenter.parsed(event["item"])}
    return event
