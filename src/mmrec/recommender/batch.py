"""Recommendations for many users at once, and the vectors of a whole catalogue."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch

from mmrec.data import Catalog, EventRules, Interactions, ItemId, PastEvent, Table
from mmrec.data.tables import read_table, require_columns
from mmrec.evaluation.rank_buffer import rows_at_once
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.content import encode_rows
from mmrec.recommender.lists import Recommendation, asked_for, recommend_lists
from mmrec.recommender.quotas import AtMost
from mmrec.recommender.recommender import Recommender
from mmrec.recommender.requests import Count, Seen, When, Where, as_history, check_count
from mmrec.recommender.users.features import AskedUser


def histories_of(events: Table | Interactions, rules: EventRules | None = None) -> pl.DataFrame:
    """Return the history of each user of a log: ``user_id`` and lists of what is known of events.

    The lists are ``history`` (item ids, oldest first), ``events`` (their types) and ``timestamps``
    (unix seconds), the last two if the log has them.

    Args:
        events: the log.
        rules: what events mean, ``recommender.options.event_rules``; conditions on columns give
            events the types that the recommender knows. None keeps the types of the log.

    Raises:
        ValueError: the log is malformed, or a rule reads a column that it lacks.

    Example:
        >>> log = {"user_id": ["u", "v", "u"], "item_id": ["a", "a", "b"], "timestamp": [2, 1, 1]}
        >>> histories_of(log).sort("user_id")["history"].to_list()
        [['b', 'a'], ['a']]
    """
    log = events if isinstance(events, Interactions) else Interactions(events)
    frame = log.frame if rules is None else rules.named(log.frame)
    grouped = frame.group_by("user_id", maintain_order=True)
    names = {name: column for name, column in LISTS.items() if column in frame.columns}
    return grouped.agg(pl.col(column).alias(name) for name, column in names.items())


def recommend_all(
    recommender: Recommender,
    histories: Table,
    k: Count = 10,
    *,
    at: When | None = None,
    where: Where | None = None,
    exclude_seen: Seen = True,
    exclude: Iterable[ItemId] = (),
    at_most: AtMost | None = None,
    batch_size: int = 256,
) -> pl.DataFrame:
    """Recommend ``k`` items to each user; the lists equal those of :meth:`Recommender.recommend`.

    The interest of a user of the recommender's table of users starts from the user's features.

    Args:
        recommender: the trained recommender.
        histories: ``user_id`` and ``history`` (a list of item ids, oldest first); and, if they are
            known, ``events`` and ``timestamps``, see :func:`histories_of`.
        k: how many items.
        at: the time of the requests, see :meth:`Recommender.recommend`.
        where: condition on the recommended items, see :meth:`Recommender.recommend`.
        exclude_seen: whether to leave out items of the history, see :meth:`Recommender.recommend`.
        exclude: ids of further items to leave out.
        at_most: how many items of a list may have the same value, by column, see
            :meth:`Recommender.recommend`.
        batch_size: maximum number of users scored at once; fewer if the catalogue is large.

    Returns:
        ``user_id``, ``item_id``, ``rank`` (1 = best) and ``score``, in the order of ``histories``.

    Raises:
        ValueError: a column is missing, an item id is unknown or null, or ``k`` isn't positive.
    """
    k = check_count(k)
    frame = read_table(histories, "histories")
    require_columns(frame, ["user_id", "history"], "histories")
    state, scorer = recommender.state, recommender.catalog_scorer
    time = state.time_of(at)  # one for all users
    pasts = pasts_of(frame, recommender.catalog)
    lengths = np.array([len(past) for past in pasts], dtype=np.int64)
    mask = state.where(where, time)
    mask[recommender.catalog.indices_of(as_history(exclude, "exclude"))] = False
    allowed = torch.from_numpy(mask) & state.available & ~state.unknown.cpu()
    quotas = state.quotas(at_most)
    parts: list[pl.DataFrame] = []
    batch_size = rows_at_once(len(recommender.catalog), batch_size)
    # Histories of similar length share a batch, so that there is little padding.
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        users = order[start : start + batch_size]
        who = known_users(state, frame["user_id"].gather(users).to_list())
        some = [pasts[user] for user in users]
        asked = asked_for(state, some, time, allowed, exclude_seen, who)
        lists = recommend_lists(scorer, recommender.catalog, asked, k, quotas)
        parts.append(_lines(users, lists, frame, recommender.catalog))
    return pl.concat(parts).sort("user", "rank").drop("user")


def encode_items(recommender: Recommender, items: Table | None = None) -> pl.DataFrame:
    """Return the vector of each item in the columns ``item_id`` and ``vector``.

    The scorer of the model gives scores of interests and vectors; their plain product need not be a
    score, see :meth:`mmrec.scoring.RetrievalScorer.index_vectors`.

    Args:
        recommender: the trained recommender.
        items: rows as of :class:`mmrec.data.Catalog`, by default the recommender's own. Items
            without training events are encoded from their content alone.

    Raises:
        ValueError: a pretrained encoder is not the one of the training.
        OSError: an encoder or its tokenizer can't be loaded.
    """
    return ItemVectors(recommender)(recommender.catalog.frame if items is None else items)


class ItemVectors:
    """Encodes blocks of items; see :func:`encode_items`."""

    def __init__(self, recommender: Recommender) -> None:
        self.state = recommender.state

    def __call__(self, items: Table) -> pl.DataFrame:
        """Return ``item_id`` and ``vector`` of a block."""
        state = self.state
        block = Catalog(items, state.catalog.images)
        known = [state.catalog.find(item) for item in block.ids]
        vectors, _ = encode_rows(
            state.model, state.modalities, block, slots=state.slots[np.array(known, dtype=np.int64)]
        )
        table = vectors.cpu().numpy()
        shape = pl.Array(pl.Float32, table.shape[1])
        return block.frame.select("item_id", pl.Series("vector", table, dtype=shape))


LISTS = {"history": "item_id", "events": "event", "timestamps": "timestamp"}
"""Columns of histories, and the columns of a log that they hold."""


def pasts_of(frame: pl.DataFrame, catalog: Catalog) -> list[list[PastEvent]]:
    """Return the events of each row of histories."""
    lengths = frame["history"].list.len().fill_null(0).to_numpy().astype(np.int64)
    columns: dict[str, list[Any]] = {}
    for name in LISTS:
        if name not in frame.columns:
            columns[name] = [None] * int(lengths.sum())
            continue
        if (frame[name].list.len().fill_null(0).to_numpy() != lengths).any():
            raise ValueError(f"histories must have as many {name} as items of history")
        # An empty history would become a null, as if an item id were missing.
        columns[name] = frame[name].filter(lengths > 0).explode().to_list()
    nulls = sum(item is None for item in columns["history"])
    if nulls:
        raise ValueError(
            f"histories must hold item ids; {nulls} of {len(columns['history'])} are null"
        )
    items = catalog.indices_of(columns["history"]).tolist()
    rows = zip(items, columns["events"], columns["timestamps"], strict=True)
    events = [PastEvent(item, kind or None, time) for item, kind, time in rows]
    ends = np.cumsum(lengths).tolist()
    return [events[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]


def known_users(state: RecommenderState, users: Sequence[Any]) -> list[AskedUser] | None:
    """Return the users whose features a recommender has; None in place of the others."""
    features = state.users
    if features is None:
        return None
    return [user if user is not None and features.find(user) else None for user in users]


def _lines(
    users: np.ndarray,
    lists: Sequence[Sequence[Recommendation]],
    frame: pl.DataFrame,
    catalog: Catalog,
) -> pl.DataFrame:
    """Return a row for each recommended item."""
    rows = np.repeat(users, [len(found) for found in lists])
    return pl.DataFrame(
        {
            "user": rows,
            "user_id": frame["user_id"].gather(rows),
            "item_id": pl.Series(
                [line.item for found in lists for line in found],
                dtype=catalog.frame["item_id"].dtype,
            ),
            "rank": np.concatenate(
                [np.zeros(0, np.int64), *(np.arange(1, len(found) + 1) for found in lists)]
            ),
            "score": pl.Series([line.score for found in lists for line in found], dtype=pl.Float32),
        }
    )
