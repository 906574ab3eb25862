"""Recommendations for many users at once, and the vectors of a whole catalogue."""

from collections.abc import Iterable

import numpy as np
import polars as pl
import torch

from mmrec.data import Catalog, Interactions, ItemId, Table
from mmrec.data.tables import read_table, require_columns
from mmrec.evaluation.rank_buffer import rows_at_once
from mmrec.recommender.content import encode_rows
from mmrec.recommender.lists import final_scores
from mmrec.recommender.popular import popular_items
from mmrec.recommender.recommender import Recommender
from mmrec.recommender.requests import Count, Where, as_history, check_count


def histories_of(events: Table | Interactions) -> pl.DataFrame:
    """Return the history of each user of a log: ``user_id`` and ``history``, ids oldest first.

    Example:
        >>> log = {"user_id": ["u", "v", "u"], "item_id": ["a", "a", "b"], "timestamp": [2, 1, 1]}
        >>> histories_of(log).sort("user_id")["history"].to_list()
        [['b', 'a'], ['a']]
    """
    log = events if isinstance(events, Interactions) else Interactions(events)
    grouped = log.frame.group_by("user_id", maintain_order=True)
    return grouped.agg(pl.col("item_id").alias("history"))


def recommend_all(
    recommender: Recommender,
    histories: Table,
    k: Count = 10,
    *,
    where: Where | None = None,
    exclude_seen: bool = True,
    exclude: Iterable[ItemId] = (),
    batch_size: int = 256,
) -> pl.DataFrame:
    """Recommend ``k`` items to each user; the lists equal those of :meth:`Recommender.recommend`.

    Args:
        recommender: the trained recommender.
        histories: ``user_id`` and ``history`` (a list of item ids, oldest first), see
            :func:`histories_of`.
        k: how many items.
        where: condition on the recommended items, see :meth:`Recommender.recommend`.
        exclude_seen: whether to leave out the items of the history.
        exclude: ids of further items to leave out.
        batch_size: maximum number of users scored at once; fewer if the catalogue is large.

    Returns:
        ``user_id``, ``item_id``, ``rank`` (1 = best) and ``score``, in the order of ``histories``.

    Raises:
        ValueError: a column is missing, an item id is unknown or null, or ``k`` isn't positive.
    """
    k = check_count(k)
    frame = read_table(histories, "histories")
    require_columns(frame, ["user_id", "history"], "histories")
    rows = _rows(frame["history"], recommender.catalog)
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    mask = recommender.catalog.where({} if where is None else where)
    mask[recommender.catalog.indices_of(as_history(exclude, "exclude"))] = False
    allowed = torch.from_numpy(mask) & recommender.state.available
    scorer, parts = recommender.catalog_scorer, []
    batch_size = rows_at_once(len(recommender.catalog), batch_size)
    # Histories of similar length share a batch, so that there is little padding.
    order = np.argsort(lengths, kind="stable")
    known = order[lengths[order] > 0]
    for start in range(0, len(known), batch_size):
        users = known[start : start + batch_size]
        scores = final_scores(
            scorer, [rows[user] for user in users], allowed=allowed, exclude_seen=exclude_seen
        )
        top = scores.topk(min(k, scores.shape[1] - 1))
        parts.append(_lines(users, top.indices.cpu().numpy(), top.values.cpu().numpy()))
    unknown = order[lengths[order] == 0]
    if len(unknown):
        allowed = allowed.to(scorer.vectors.device)
        popular = popular_items(scorer.popularity, scorer.vectors, allowed, k)
        parts.append(_lines(unknown, *(np.tile(p.cpu(), (len(unknown), 1)) for p in popular)))
    lines = pl.concat([_lines(known[:0], np.zeros((0, 1), int), np.zeros((0, 1))), *parts])
    lines = lines.sort("user", "rank")
    return lines.select(
        frame["user_id"].gather(lines["user"]),
        recommender.catalog.frame["item_id"].gather(lines["index"] - 1),
        "rank",
        "score",
    )


def encode_items(recommender: Recommender, items: Table | None = None) -> pl.DataFrame:
    """Return the vector of each item in the columns ``item_id`` and ``vector``.

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


def _rows(histories: pl.Series, catalog: Catalog) -> list[np.ndarray]:
    """Return the catalogue indices of each history."""
    lengths = histories.list.len().fill_null(0).to_numpy().astype(np.int64)
    # An empty history would become a null, as if an item id were missing.
    events = histories.filter(lengths > 0).explode()
    if events.null_count():
        raise ValueError(
            f"histories must hold item ids; {events.null_count()} of {len(events)} are null"
        )
    return np.split(catalog.indices_of(events.to_list()), np.cumsum(lengths))[:-1]


def _lines(users: np.ndarray, indices: np.ndarray, scores: np.ndarray) -> pl.DataFrame:
    """Return a row for each recommended item; a score of ``-inf`` is no item."""
    width = indices.shape[1]
    return pl.DataFrame(
        {
            "user": np.repeat(users, width),
            "index": indices.ravel().astype(np.int64),
            "rank": np.tile(np.arange(1, width + 1), len(users)),
            "score": scores.ravel().astype(np.float32),
        }
    ).filter(pl.col("score") > -np.inf)
