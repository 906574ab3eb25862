"""Recommendations and their explanations."""

import json
from typing import Annotated

from fastapi import APIRouter, Query

from mmrec.data import Where
from mmrec.realtime import RealtimeRecommender
from mmrec.serving.item_presenter import ItemPresenter
from mmrec.serving.lanes import lane
from mmrec.serving.routes.strict import STRICT
from mmrec.serving.schemas import Explained, Recommendations, Text, User


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
            list[str] | None,
            Query(
                max_length=10,
                description="A condition on items such as price < 20 and category in (lamp, chair),"
                ' or a JSON object such as {"category": "lamp", "price": {"<": 20}}.',
            ),
        ] = None,
        exclude: Annotated[
            list[Text] | None, Query(max_length=1000, description="Ids of items to leave out.")
        ] = None,
    ) -> Recommendations:
        """A user without events gets popular, diverse items."""
        version, left_out = live.version, [presenter.id_of(item) for item in exclude or []]
        conditions = [_condition(text) for text in where or []]
        found = live.recommend(
            user,
            k=k,
            exclude_seen=exclude_seen,
            exclude=left_out,
            where=conditions or None,
        )
        return Recommendations(items=[presenter.line(line) for line in found], model=version)

    @router.get("/explain", summary="Why an item is recommended to a user", dependencies=STRICT)
    @computing
    def explain(user: Annotated[User, Query()], item: Annotated[str, Query()]) -> Explained:
        """How much the score falls without each past item, and without each modality."""
        return presenter.explained(live.explain(user, presenter.id_of(item)))

    return router


def _condition(text: str) -> Where:
    """Return a condition that was sent as text or as a JSON object."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        mapping = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"where must be a condition or a JSON object: {error}") from error
    return {str(name): wanted for name, wanted in mapping.items()}
