"""Recommendations and their explanations."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import AfterValidator

from mmrec.data import Where
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender.quotas import read_at_most
from mmrec.serving.item_presenter import ItemPresenter
from mmrec.serving.lanes import lane
from mmrec.serving.routes.strict import STRICT
from mmrec.serving.schemas import (
    Explained,
    ListRequest,
    PastEvent,
    Recommendations,
    Similar,
    Text,
    User,
    checked_time,
)

At = Annotated[
    Annotated[float, AfterValidator(checked_time)] | None,
    Query(allow_inf_nan=False, description="Time of the request in unix seconds; now by default."),
]
Conditions = Annotated[
    list[str] | None,
    Query(
        max_length=10,
        description="A condition on items such as price < 20 and category in (lamp, chair),"
        ' or a JSON object such as {"category": "lamp", "price": {"<": 20}}.',
    ),
]


def list_routes(
    live: RealtimeRecommender, presenter: ItemPresenter, *, longest: int, readers: int
) -> APIRouter:
    """Return the routes of recommendations.

    Args:
        live: the recommender.
        presenter: of its items.
        longest: largest ``k``.
        readers: number of lists that are computed at once.
    """
    router, computing = APIRouter(), lane(readers)

    @router.get("/recommend", summary="Recommend items to a user", dependencies=STRICT)
    @computing
    def recommend(
        user: Annotated[User, Query()],
        k: Annotated[int, Query(ge=1, le=longest)] = 10,
        at: At = None,
        exclude_seen: Annotated[
            str,
            Query(
                max_length=1000,
                description="true, false, or the event types after which an item is left out, "
                "separated by commas; what the user said no to is left out in any case.",
            ),
        ] = "true",
        where: Conditions = None,
        exclude: Annotated[
            list[Text] | None, Query(max_length=1000, description="Ids of items to leave out.")
        ] = None,
        at_most: Annotated[
            list[Text] | None,
            Query(
                max_length=10,
                description="How many items may have the same value of a column, such as author:2.",
            ),
        ] = None,
    ) -> Recommendations:
        """A user without events, or with events that say no alone, gets popular, diverse items."""
        version, left_out = live.version, [presenter.id_of(item) for item in exclude or []]
        found = live.recommend(
            user,
            k=k,
            at=at,
            exclude_seen=_seen(exclude_seen),
            exclude=left_out,
            where=_conditions(where),
            at_most=read_at_most(at_most) if at_most else None,
        )
        return Recommendations(items=[presenter.line(line) for line in found], model=version)

    @router.post("/recommend", summary="Recommend items to a user or for a history")
    @computing
    def recommend_for(request: ListRequest) -> Recommendations:
        """The list for a history of a user's events is that of the user."""
        if request.k > longest:
            raise HTTPException(422, f"k: expected at most {longest}; got {request.k}")
        version = live.version
        history = None if request.history is None else _history(request.history, presenter, live)
        found = live.recommend(
            request.user,
            history=history,
            k=request.k,
            at=request.at,
            exclude_seen=request.exclude_seen,
            exclude=[presenter.id_of(item) for item in request.exclude],
            where=request.where or None,
            at_most=request.at_most,
        )
        return Recommendations(items=[presenter.line(line) for line in found], model=version)

    @router.get("/similar", summary="Items that are most like an item", dependencies=STRICT)
    @computing
    def similar(
        item: Annotated[str, Query()],
        k: Annotated[int, Query(ge=1, le=longest)] = 10,
        where: Conditions = None,
    ) -> Similar:
        """The score is the cosine similarity of the vectors; the item itself is left out.

        There are none for an item of which nothing is known.
        """
        version, id = live.version, presenter.id_of(item)
        found = live.similar(id, k, where=_conditions(where))
        note = None if found else live.without_content([id])
        return Similar(items=[presenter.line(line) for line in found], model=version, note=note)

    @router.get("/explain", summary="Why an item is recommended to a user", dependencies=STRICT)
    @computing
    def explain(
        user: Annotated[User, Query()], item: Annotated[str, Query()], at: At = None
    ) -> Explained:
        """The terms of a score, and how much it falls without each past item and each modality."""
        return presenter.explained(live.explain(user, presenter.id_of(item), at=at))

    return router


def _seen(text: str) -> bool | list[str]:
    """Return what ``exclude_seen`` says: a choice, or event types."""
    choice = {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower())
    return [name.strip() for name in text.split(",")] if choice is None else choice


def _history(events: list[Any], presenter: ItemPresenter, live: RealtimeRecommender) -> Any:
    """Return items or events as a history, with the types that values give them.

    Raises:
        ValueError: some events have a time and others have none, or no condition reads one of the
            values.
    """
    past = [e if isinstance(e, PastEvent) else PastEvent(item=e) for e in events]
    columns: dict[str, list[Any]] = {"item_id": [presenter.id_of(event.item) for event in past]}
    timed = [event.time is not None for event in past]
    if any(timed) and not all(timed):
        raise ValueError(f"history must have a time for all events or none; {sum(timed)} have one")
    if any(timed):
        columns["timestamp"] = [event.time for event in past]
    types = live.types_of([(event.event_type or "", event.values) for event in past])
    for kind in types:
        if isinstance(kind, ValueError):
            raise kind
    if any(types):
        columns["event"] = [kind or None for kind in types]
    return columns if past else []


def _conditions(texts: list[str] | None) -> list[Where] | None:
    """Return the conditions of a query, None if there are none."""
    return [_condition(text) for text in texts] if texts else None


def _condition(text: str) -> Where:
    """Return a condition that was sent as text or as a JSON object."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        mapping = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"where must be a condition or a JSON object: {error}") from error
    return {str(name): wanted for name, wanted in mapping.items()}
