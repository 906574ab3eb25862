"""The vectors of users: what an index of item vectors is searched with."""

from dataclasses import replace

import numpy as np
import polars as pl
import torch

from mmrec.cpu import fast_products
from mmrec.data import Table
from mmrec.data.tables import read_table, require_columns
from mmrec.models.catalog_scorer import evaluating
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.batch import pasts_of
from mmrec.recommender.recommender import Recommender
from mmrec.recommender.requests import When


def not_in_the_product(state: RecommenderState) -> list[str]:
    """Return what a score has beside the product of a user's and an item's vector, in words."""
    counted = [one.kind for one in state.neighbours if one.weight]
    trend = state.trend is not None and state.trend.active
    return [
        *(["what is popular at the time of a request"] if trend else []),
        *([f"what is counted in the log ({', '.join(counted)})"] if counted else []),
        *(["a reranker"] if state.model.reranker is not None else []),
    ]


def encode_users(
    recommender: Recommender,
    histories: Table,
    *,
    at: When | None = None,
    batch_size: int = 256,
) -> pl.DataFrame:
    """Return the vector of each user in the columns ``user_id`` and ``vector``.

    The product of a user's vector and an item's vector of :func:`index_items` is the item's score,
    but for what :func:`not_in_the_product` says. A user without events but negative ones, and
    without features in the recommender's table of users, has zeros.

    Args:
        recommender: the trained recommender.
        histories: ``user_id`` and ``history`` and, if they are known, ``events`` and
            ``timestamps``, see :func:`mmrec.recommender.batch.histories_of`.
        at: the time at which the vectors are asked for, see :meth:`mmrec.Recommender.recommend`.
        batch_size: number of users encoded at once.

    Raises:
        ValueError: a column is missing, or an item id is unknown.
    """
    frame = read_table(histories, "histories")
    require_columns(frame, ["user_id", "history"], "histories")
    time = recommender.state.time_of(at)
    parts = [_encode(recommender, block, time) for block in frame.iter_slices(batch_size)]
    table = np.concatenate(parts)
    shape = pl.Array(pl.Float32, table.shape[1])
    return frame.select("user_id", pl.Series("vector", table, dtype=shape))


@torch.inference_mode()
def index_items(recommender: Recommender) -> pl.DataFrame:
    """Return what an index stores for each item, in the columns ``item_id`` and ``vector``."""
    table = recommender.model.scorer.index_vectors(recommender.vectors[1:]).float().cpu().numpy()
    shape = pl.Array(pl.Float32, table.shape[1])
    return recommender.catalog.frame.select("item_id", pl.Series("vector", table, dtype=shape))


@torch.inference_mode()
@fast_products()
def _encode(recommender: Recommender, histories: pl.DataFrame, time: float | None) -> np.ndarray:
    model, pasts = recommender.model, pasts_of(histories, recommender.catalog)
    given = recommender.state.reader.histories(pasts, [time] * len(pasts))
    scorer = recommender.catalog_scorer
    if (features := recommender.state.users) is not None:
        rows = features.rows_of(histories["user_id"].to_list())
        given = replace(given, users=torch.from_numpy(rows))
    given = given.to(recommender.vectors.device)
    with evaluating(model):
        interests = model.interests(given, recommender.vectors, scorer.users)
        queries = model.scorer.index_queries(interests).float()
    queries = queries * scorer.knows(given).unsqueeze(1)
    return queries.cpu().numpy()
