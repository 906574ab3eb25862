"""Test events as examples: what a user had, what was recommended, and what came next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch

from mmrec.data import ItemId, PastEvent, Split
from mmrec.data.splits import target_users
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.lists import Recommendation, asked_for, recommend_lists
from mmrec.recommender.pipeline.scorers import scorer_at
from mmrec.recommender.recommender import Recommender


@dataclass(frozen=True)
class Visit:
    """An event as it is shown.

    Attributes:
        item: the item's id.
        event_type: type of the event; "" where it is not known.
        time: unix seconds, or position.
    """

    item: ItemId
    event_type: str
    time: float


@dataclass(frozen=True)
class Case:
    """A test event, the history before it, and the list that this history gets.

    Attributes:
        user: the user's id.
        events: how many events came before.
        history: the last of these events, oldest first.
        upcoming: the test event.
        rank: the rank of its item when the recommender was measured, 1 = best; None if the item
            was filtered out, since the user had it before.
        listed: the list for this history, best first.
    """

    user: ItemId
    events: int
    history: list[Visit]
    upcoming: Visit
    rank: int | None
    listed: list[Recommendation]


def draw_targets(targets: pl.DataFrame, count: int, seed: int, *, k: int = 10) -> pl.DataFrame:
    """Draw test events of different users, half of them hits, as far as there are so many.

    Of each user, the last event that has a history takes part in the draw. Hits come first.

    Args:
        targets: the rank of each target, see :func:`mmrec.evaluation.target_table`.
        count: how many; all users, if there are fewer.
        seed: seed of the draw.
        k: a rank of ``k`` or better is a hit.

    Example:
        >>> table = {"user_id": [*"uuvw"], "position": [1, 2, 5, 9], "history": [1, 2, 0, 4]}
        >>> draw_targets(pl.DataFrame(table | {"rank": [1, 30, 1, 2]}), 5, 0)["position"].to_list()
        [9, 2]
    """
    rows = targets.filter(pl.col("history") > 0).sort("position")
    last = rows.unique("user_id", keep="last", maintain_order=True)
    drawn = last[np.random.default_rng(seed).permutation(len(last)).tolist()]
    hits, misses = drawn.filter(pl.col("rank") <= k), drawn.filter(pl.col("rank") > k)
    kept = min(len(hits), max(count // 2, count - len(misses)))
    chosen: pl.DataFrame = pl.concat([hits.head(kept), misses.head(count - kept)])
    return chosen


def worst_targets(targets: pl.DataFrame, count: int, *, items: int) -> pl.DataFrame:
    """Return the test events with the worst ranks, each of another user and another item.

    Events without a history are left out, since nothing was known, and so are those whose item was
    filtered out.

    Args:
        targets: the rank of each target, see :func:`mmrec.evaluation.target_table`.
        count: how many at most.
        items: V. Higher ranks are those of filtered targets.

    Example:
        >>> table = {"user_id": [*"uuvw"], "item_id": [*"abac"], "position": [0, 1, 2, 3]}
        >>> table |= {"rank": [7, 8, 5, 10], "history": [1, 1, 1, 1]}
        >>> worst_targets(pl.DataFrame(table), 2, items=9)["user_id", "rank"].rows()
        [('u', 8), ('v', 5)]
    """
    rows = targets.filter((pl.col("rank") <= items) & (pl.col("history") > 0))
    rows = rows.sort("rank", "position", descending=[True, False])
    rows = rows.unique("user_id", keep="first", maintain_order=True)
    return rows.unique("item_id", keep="first", maintain_order=True).head(count)


def read_cases(
    recommender: Recommender,
    split: Split,
    targets: pl.DataFrame,
    *,
    items: int,
    shown: int = 9,
    k: int = 10,
) -> list[Case]:
    """Return targets as cases, each with the list that the user would have had just before.

    Lists are made as the ranks were: of what is counted in the log, they know what came before the
    test part. Only the weights of the model may have learned from later events, see
    the page.

    Args:
        recommender: makes the lists.
        split: the split that the targets are of; ``position`` refers to it.
        targets: rows of the table of ranks.
        items: V. Higher ranks are those of filtered targets.
        shown: how many events of a history are kept.
        k: length of the lists.
    """
    state = recommender.state
    scorer = scorer_at(state, split, "test")
    allowed = torch.zeros_like(state.available)
    allowed[torch.from_numpy(split.candidates)] = True
    allowed &= state.available & ~state.unknown
    cases = []
    for row in targets.to_dicts():
        *history, upcoming = visits_until(recommender, split, row["position"] + 1)
        past = _past(state, history)
        time = upcoming.time if state.timed else None
        user = row["user_id"] if state.users and state.users.find(row["user_id"]) else None
        asked = asked_for(state, [past], time, allowed, True, [user])
        [listed] = recommend_lists(scorer, state.catalog, asked, k)
        rank = row["rank"] if row["rank"] <= items else None
        cases.append(Case(row["user_id"], len(history), history[-shown:], upcoming, rank, listed))
    return cases


def visits_until(recommender: Recommender, split: Split, end: int) -> Iterator[Visit]:
    """Yield the events of a user before position ``end``; event ``end - 1`` is the last of them."""
    events, ids = split.sequences, recommender.catalog.ids
    owner = int(target_users(split, np.array([end - 1]))[0])
    for at in range(int(events.offsets[owner]), end):
        event_type = events.event_types[events.event_type[at] - 1] if events.event_type[at] else ""
        yield Visit(ids[events.item[at] - 1], event_type, float(events.time[at]))


def _past(state: RecommenderState, history: Sequence[Visit]) -> list[PastEvent]:
    """Return the events of a user as a reader takes them."""
    indices = state.catalog.indices_of([visit.item for visit in history]).tolist()
    return [
        PastEvent(index, visit.event_type or None, visit.time if state.timed else None)
        for index, visit in zip(indices, history, strict=True)
    ]
