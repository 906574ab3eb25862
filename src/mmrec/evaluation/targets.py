"""The rank of every target as a table, which a RUN keeps and comparisons read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float

from mmrec.data import Split
from mmrec.data.splits import target_users
from mmrec.data.tables import read_table
from mmrec.evaluation.checks import check_once
from mmrec.evaluation.curves import metric_of_ranks
from mmrec.evaluation.ranks import Ranks
from mmrec.evaluation.slices import WITH, named_slices

TARGETS = "targets.parquet"
"""The file of the table in a RUN."""

AMONG_COLD = "rank_among_cold"

COLD_ALONE = "cold items among one another"
"""The slice of cold targets that are ranked among cold items alone."""

COLUMNS = ("user_id", "item_id", "position", "rank", "history", "warm")
"""Columns that a comparison reads; others may be missing."""


def target_table(
    ranks: Ranks,
    with_seen: Ranks,
    split: Split,
    ids: Sequence[str | int],
    has_image: Bool[np.ndarray, " V1"] | None = None,
    has_text: Bool[np.ndarray, " V1"] | None = None,
    cold: Ranks | None = None,
) -> pl.DataFrame:
    """Return a row for each target, sorted by its position in the split.

    Columns: ``user_id``, ``item_id``, ``position``, ``rank`` (1 = best, V + 1 where the target was
    filtered out), ``rank_with_seen`` (nothing filtered), ``history`` (number of events before the
    target), ``warm`` (see :attr:`mmrec.data.Split.warm`), ``has_image`` and ``has_text`` (null
    where unknown), and ``rank_among_cold`` (null for others).

    Args:
        ranks: the ranks with seen items filtered.
        with_seen: the ranks of the same targets among all items.
        split: the split of the targets.
        ids: the id of each catalogue row.
        has_image: which catalogue indices have an image, ``(V + 1,)``.
        has_text: which catalogue indices have a text, ``(V + 1,)``.
        cold: the ranks of cold targets among cold items.

    Raises:
        ValueError: ``ranks`` and ``with_seen`` are of different targets, or a target occurs twice.
    """
    if not np.array_equal(ranks.position, with_seen.position):
        raise ValueError(
            f"ranks and with_seen must be of the same targets; got {len(ranks.position)} and "
            f"{len(with_seen.position)} targets that differ"
        )
    check_once(ranks.position)
    users, target = target_users(split, ranks.position), ranks.target.numpy()
    table = pl.DataFrame(
        {
            "user_id": [split.sequences.users[user] for user in users],
            "item_id": [ids[item - 1] for item in target],
            "position": ranks.position,
            "rank": ranks.rank.numpy(),
            "rank_with_seen": with_seen.rank.numpy(),
            "history": ranks.position - split.sequences.offsets[users],
            "warm": split.warm[target],
        }
    )
    content = {"has_image": has_image, "has_text": has_text}
    columns = [
        pl.Series(name, [None] * len(target) if has is None else has[target], pl.Boolean)
        for name, has in content.items()
    ]
    alone = {} if cold is None else dict(zip(cold.position, cold.rank.tolist(), strict=True))
    among_cold = [alone.get(position) for position in ranks.position]
    columns.append(pl.Series(AMONG_COLD, among_cold, pl.Int64))
    return table.with_columns(columns).sort("position")


def read_targets(path: Path) -> pl.DataFrame:
    """Return the table in a file, sorted by position.

    Raises:
        ValueError: the file is damaged or lacks a column.
    """
    try:
        frame = read_table(path, "targets")
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise ValueError(
            f"{path} must have the columns {list(COLUMNS)}; got a table without {missing}"
        )
    return frame.sort("position")


def metric_of_targets(
    targets: pl.DataFrame, metric: str, items: int | None, column: str = "rank"
) -> Float[np.ndarray, " N"]:
    """Return a metric of each target, NaN where it has no rank.

    Args:
        targets: the table.
        metric: ``ndcg@K``, ``hr@K`` or ``mrr@K``.
        items: V, above which a rank is that of a filtered target, a miss.
        column: the ranks.

    Raises:
        ValueError: ``metric`` is none of these.
    """
    given = targets[column].is_not_null().to_numpy()
    rank = torch.from_numpy(targets[column].fill_null(1).to_numpy().astype(np.int64))
    found: np.ndarray = np.where(given, metric_of_ranks(rank, metric, items), np.nan)
    return found


def slices_of(targets: pl.DataFrame) -> dict[str, Bool[np.ndarray, " N"]]:
    """Return a mask of the targets for each slice that is neither empty nor everything."""
    has = {
        name: targets[f"has_{name}"].cast(pl.Boolean).to_numpy()
        for name in WITH
        if f"has_{name}" in targets.columns and targets[f"has_{name}"].null_count() == 0
    }
    return named_slices(targets["warm"].to_numpy(), targets["history"].to_numpy(), has)


def ranks_cold(targets: pl.DataFrame) -> bool:
    """Return whether a table has ranks among cold items; older RUNs lack them."""
    return AMONG_COLD in targets.columns and targets[AMONG_COLD].count() > 0
