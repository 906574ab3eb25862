"""The rank of every target in a table: what paired tests between two runs read."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Bool

from mmrec.data import Split
from mmrec.data.splits import target_users
from mmrec.evaluation.checks import check_once
from mmrec.evaluation.protocol import Ranks


def target_table(
    ranks: Ranks,
    with_seen: Ranks,
    split: Split,
    ids: Sequence[str | int],
    has_image: Bool[np.ndarray, " V1"] | None = None,
    has_text: Bool[np.ndarray, " V1"] | None = None,
) -> pl.DataFrame:
    """Return a row for each target, sorted by its place in the split.

    Columns: ``user_id``, ``item_id``, ``position`` (place in the split), ``rank`` (1 = best, V + 1
    where the target was filtered out), ``rank_with_seen`` (nothing filtered), ``history`` (events
    before the target), ``warm`` (the item has training events), ``has_image`` and ``has_text``
    (null where that is not known).

    Args:
        ranks: with seen items filtered.
        with_seen: the same targets with all items ranked.
        split: where they are from.
        ids: the id of each catalogue row.
        has_image: which catalogue indices have an image, ``(V + 1,)``.
        has_text: which have a text, ``(V + 1,)``.

    Raises:
        ValueError: the two are not of the same targets, or a target occurs twice.
    """
    if not np.array_equal(ranks.position, with_seen.position):
        raise ValueError("the ranks with and without seen items must be of the same targets")
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
            "warm": split.train_counts[target] > 0,
        }
    )
    content = {"has_image": has_image, "has_text": has_text}
    columns = [
        pl.Series(name, [None] * len(target) if has is None else has[target], pl.Boolean)
        for name, has in content.items()
    ]
    return table.with_columns(columns).sort("position")
