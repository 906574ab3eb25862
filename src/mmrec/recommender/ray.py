"""The functions of :mod:`mmrec.recommender.batch` over blocks on Ray Data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.recommender.batch import ItemVectors
from mmrec.recommender.batch import recommend_all as recommend_block
from mmrec.recommender.recommender import Recommender


def recommend_all(
    run: str | Path,
    histories: Any,
    k: int = 10,
    *,
    parts: Sequence[Any] = (),
    actors: int = 2,
    block: int = 4096,
    **how: Any,
) -> Any:
    """Recommend items to each user; several actors process blocks of users.

    Args:
        run: folder of a RUN that every machine can read.
        histories: a Ray Dataset or a polars frame with ``user_id`` and ``history``.
        k: how many items.
        parts: see :meth:`Recommender.load`.
        actors: number of actors, each of which loads the RUN once.
        block: users in a block.
        how: ``where``, ``exclude_seen``, ``exclude``, ``at_most`` and ``batch_size`` of
            :func:`mmrec.recommender.batch.recommend_all`.

    Returns:
        A Ray Dataset with ``user_id``, ``item_id``, ``rank`` and ``score``; users are in any order.

    Raises:
        ImportError: Ray is not installed.
    """
    made_with = {"run": str(run), "parts": parts, "k": k, "how": how}
    return _mapped(_Recommend, histories, actors, block, made_with)


def encode_items(
    run: str | Path,
    items: Any,
    *,
    parts: Sequence[Any] = (),
    actors: int = 2,
    block: int = 1024,
) -> Any:
    """Return a Ray Dataset with ``item_id`` and ``vector``; several actors encode blocks of items.

    Args:
        run: folder of a RUN that every machine can read.
        items: a Ray Dataset or a polars frame with the columns of a catalogue; each item once.
        parts: see :meth:`Recommender.load`.
        actors: number of actors, each of which loads the RUN and its encoders once.
        block: items in a block.

    Raises:
        ImportError: Ray is not installed.
    """
    return _mapped(_Encode, items, actors, block, {"run": str(run), "parts": parts})


class _Recommend:
    def __init__(self, run: str, parts: Sequence[Any], k: int, how: dict[str, Any]) -> None:
        self.recommender, self.k, self.how = Recommender.load(run, parts=parts), k, how

    def __call__(self, table: Any) -> Any:
        return recommend_block(self.recommender, table, self.k, **self.how).to_arrow()


class _Encode:
    def __init__(self, run: str, parts: Sequence[Any]) -> None:
        self.vectors = ItemVectors(Recommender.load(run, parts=parts))

    def __call__(self, table: Any) -> Any:
        lines = self.vectors(table)
        # Ray reads lists of any length.
        return lines.with_columns(pl.col("vector").cast(pl.List(pl.Float32))).to_arrow()


def _mapped(worker: type, rows: Any, actors: int, block: int, made_with: dict[str, Any]) -> Any:
    try:
        import ray.data
    except ImportError as error:
        raise ImportError("Ray Data is not installed: pip install 'mmrec[ray]'") from error
    if isinstance(rows, pl.DataFrame):
        rows = ray.data.from_arrow(
            [part.to_arrow() for part in rows.iter_slices(block)] or rows.to_arrow()
        )
    return rows.map_batches(
        worker,
        fn_constructor_kwargs=made_with,
        batch_size=block,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=actors),
    )
