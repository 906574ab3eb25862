"""Events of users: observe, history, forget."""

from typing import Annotated

from fastapi import APIRouter, Query

from mmrec.realtime import RealtimeRecommender
from mmrec.serving.item_presenter import ItemPresenter
from mmrec.serving.lanes import lane
from mmrec.serving.routes.strict import STRICT
from mmrec.serving.schemas import (
    ForgetRequest,
    Forgotten,
    History,
    Observation,
    Offset,
    User,
)

WRITERS = 16
"""Events that are written at once; they share the wait for the disk."""


def event_routes(live: RealtimeRecommender, presenter: ItemPresenter) -> APIRouter:
    """Return the routes of users' events."""
    router = APIRouter()

    @router.post("/observe", summary="Observe an event")
    @lane(WRITERS)
    def observe(event: Observation) -> Offset:
        """The answer comes once the event is durable; the user's next list follows from it."""
        item = presenter.id_of(event.item, refresh=True)
        offset = live.observe(event.user, item, event.event_type, event.time, id=event.id)
        return Offset(offset=offset)

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
