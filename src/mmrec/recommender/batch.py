"""Everybody's recommendations at once, and the vectors of a whole catalogue."""

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mmrec.data import Catalog, Histories, Interactions, Table
from mmrec.data.tables import read_table, require_columns
from mmrec.evaluation.rank_buffer import rows_at_once
from mmrec.models import CatalogScorer
from mmrec.recommender.content import encode_rows
from mmrec.recommender.recommender import Recommender
from mmrec.recommender.requests import Where, check_count


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
    k: int = 10,
    *,
    where: Where | None = None,
    exclude_seen: bool = True,
    batch_size: int = 256,
) -> pl.DataFrame:
    """Recommend ``k`` items to everybody; the lists are those of :meth:`Recommender.recommend`.

    Args:
        recommender: a trained one.
        histories: ``user_id`` and ``history`` (a list of item ids, oldest first), see
            :func:`histories_of`.
        k: how many items.
        where: only items that meet this, see :meth:`Recommender.recommend`.
        exclude_seen: False if an item of the history may be recommended again.
        batch_size: the most users that are scored at once; fewer where the catalogue is large.

    Returns:
        ``user_id``, ``item_id``, ``rank`` (1 = best) and ``score``, in the order of ``histories``.

    Raises:
        ValueError: a column is missing, an item id is unknown or null, or ``k`` isn't positive.
    """
    check_count(k)
    frame = read_table(histories, "histories")
    require_columns(frame, ["user_id", "history"], "histories")
    lengths = frame["history"].list.len().fill_null(0).to_numpy().astype(np.int64)
    # An empty history would leave a null behind, as one in a history does.
    events = frame["history"].filter(lengths > 0).explode()
    if events.null_count():
        raise ValueError(
            f"histories must hold item ids; {events.null_count()} of {len(events)} are null"
        )
    items = recommender.catalog.indices_of(events.to_list())
    rows = np.split(items, np.cumsum(lengths)[:-1])
    allowed = torch.from_numpy(recommender.catalog.where({} if where is None else where))
    scorer, parts = recommender.catalog_scorer, []
    batch_size = rows_at_once(len(recommender.catalog), batch_size)
    # Histories of like length together: little of a batch is padding.
    order = np.argsort(lengths, kind="stable")
    known = order[lengths[order] > 0]
    for start in range(0, len(known), batch_size):
        users = known[start : start + batch_size]
        top = _top(scorer, [rows[user] for user in users], k, allowed, exclude_seen)
        parts.append(_lines(users, *top))
    unknown = order[lengths[order] == 0]
    if len(unknown):
        popular = recommender.recommend([], k, where=where)
        indices = recommender.catalog.indices_of(line.item for line in popular)
        scores = np.array([line.score for line in popular], dtype=np.float32)
        shape = (len(unknown), len(popular))
        parts.append(
            _lines(unknown, np.broadcast_to(indices, shape), np.broadcast_to(scores, shape))
        )
    lines = pl.concat([_lines(known[:0], np.zeros((0, 1), int), np.zeros((0, 1))), *parts])
    lines = lines.sort("user", "rank")
    return lines.select(
        frame["user_id"].gather(lines["user"]),
        recommender.catalog.frame["item_id"].gather(lines["index"] - 1),
        "rank",
        "score",
    )


def encode_items(recommender: Recommender, items: Table | None = None) -> pl.DataFrame:
    """Return the vector of each item: ``item_id`` and ``vector``, as the model would serve it.

    Args:
        recommender: a trained one.
        items: rows as of :class:`mmrec.data.Catalog`, by default the recommender's own. An item
            that trained has its id; any other is encoded by its content.

    Raises:
        ValueError: a pretrained encoder is not the one of the run.
        OSError: it, or a tokenizer, is not at hand.
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


def _top(
    scorer: CatalogScorer,
    rows: list[np.ndarray],
    k: int,
    allowed: Bool[Tensor, " V1"],
    exclude_seen: bool,
) -> tuple[Int[np.ndarray, "B K"], np.ndarray]:
    """Return indices and scores of the best ``k``; a score of ``-inf`` is no item."""
    histories = Histories.of_items([row[-scorer.max_length :] for row in rows])
    exclude = (~allowed).to(scorer.vectors.device).repeat(len(rows), 1)
    if exclude_seen:
        numbers = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        exclude[torch.from_numpy(numbers), torch.from_numpy(np.concatenate(rows))] = True
    scores = scorer.rerank(scorer.scores(histories), histories, exclude)
    top = scores.topk(min(k, scores.shape[1] - 1))
    return top.indices.cpu().numpy(), top.values.cpu().numpy()


def _lines(users: np.ndarray, indices: np.ndarray, scores: np.ndarray) -> pl.DataFrame:
    width = indices.shape[1]
    return pl.DataFrame(
        {
            "user": np.repeat(users, width),
            "index": indices.ravel().astype(np.int64),
            "rank": np.tile(np.arange(1, width + 1), len(users)),
            "score": scores.ravel().astype(np.float32),
        }
    ).filter(pl.col("score") > -np.inf)
