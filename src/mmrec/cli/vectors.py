"""Vectors of items and users as files."""

from pathlib import Path

import numpy as np
import polars as pl

from mmrec.cli.rows import write_rows
from mmrec.data.private import private_file

FORMATS = ("parquet", "npy")


def check_format(name: str) -> None:
    """Raise a ``ValueError`` unless vectors can be written in this format."""
    if name not in FORMATS:
        raise ValueError(f"vectors must be one of {list(FORMATS)}; got {name!r}")


def write_vectors(vectors: pl.DataFrame, folder: Path, what: str, form: str) -> int:
    """Write vectors and return how many; only the owner can read the files.

    Args:
        vectors: a column of ids and the column ``vector``.
        folder: an existing folder.
        what: ``"item"`` or ``"user"``: the files are ``item_vectors.parquet``; or
            ``item_vectors.npy``, ``(N, K)`` in float32, and ``item_ids.csv`` with its rows' ids.
        form: ``"parquet"`` or ``"npy"``.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> rows = pl.DataFrame({"item_id": ["a"], "vector": [[1.0, 2.0]]})
        >>> rows = rows.cast({"vector": pl.Array(pl.Float32, 2)})
        >>> with TemporaryDirectory() as folder:
        ...     count = write_vectors(rows, Path(folder), "item", "npy")
        ...     count, np.load(Path(folder, "item_vectors.npy"))
        (1, array([[1., 2.]], dtype=float32))
    """
    if form == "parquet":
        return write_rows([vectors], folder / f"{what}_vectors.parquet")
    with private_file(folder / f"{what}_vectors.npy") as file:
        np.save(file, vectors["vector"].to_numpy(), allow_pickle=False)
    return write_rows([vectors.drop("vector")], folder / f"{what}_ids.csv")
