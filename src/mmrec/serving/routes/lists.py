"""Recommendations and their explanations."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from mmrec.realtime import RealtimeRecommender
from mmrec.serving.item_presenter import ItemPresenter
from mmrec.serving.lanes import lane
from mmrec.serving.routes.strict import STRICT
from mmrec.serving.schemas import Explained, Recommendations, User


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
        exclude_seen: bool = True,
        where: Annotated[
            list[str] | None, Query(description="column:value, only items that have it")
        ] = None,
    ) -> Recommendations:
        """A user without events gets popular, diverse items."""
        version, conditions = live.version, _conditions(where or [])
        found = live.recommend(user, k=k, exclude_seen=exclude_seen, where=conditions)
        return Recommendations(items=[presenter.line(line) for line in found], model=version)

    @router.get("/explain", summary="Why an item is recommended to a user", dependencies=STRICT)
    @computing
    def explain(user: Annotated[User, Query()], item: Annotated[str, Query()]) -> Explained:
        """How much the score falls without each past item, and without each modality."""
        return presenter.explained(live.explain(user, presenter.id_of(item)))

    return router


def _conditions(where: list[str]) -> dict[str, Any] | None:
    """Return ``column:value`` texts as the conditions of a catalogue."""
    conditions: dict[str, list[str]] = {}
    for text in where:
        column, colon, value = text.partition(":")
        if not colon:
            raise ValueError(f"where must be column:value; got {text!r}")
        conditions.setdefault(column, []).append(value)
    return conditions or None
