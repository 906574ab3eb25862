"""Item vectors in LanceDB, an embedded vector database that keeps them on disk."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.realtime.index.checks import check_keys, check_presence, check_search, check_vectors
from mmrec.realtime.index.index import SearchResult, rank


class LanceIndex:
    """A LanceDB table of keys and vectors, scanned on disk; each change is one commit.

    The table persists: opening the same folder again finds its items. LanceDB also opens object
    stores (``s3://…``), so several machines can share one table. If two processes add the same key
    at the same time, the table holds it twice.

    Filters become a ``where`` clause that LanceDB applies before its search. This index is slower
    than the others; use it for catalogues that do not fit in memory or are shared.

    Args:
        dim: width of an item vector, D.
        path: folder or address of the database.
        table: name of the table; created if it is absent.

    Raises:
        ImportError: if LanceDB is not installed (extra ``lance``).
        ValueError: if ``dim`` is below 1, or the table holds vectors of another width.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> index = LanceIndex(2, folder.name)
        >>> index.add(torch.tensor([4, 7, 9]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]]))
        >>> index.search(torch.tensor([[1.0, 0.5]]), 2, exclude=[torch.tensor([9])])
        SearchResult(keys=tensor([[4, 7]]), scores=tensor([[1.0000, 0.5000]]))
        >>> len(LanceIndex(2, folder.name))
        3
        >>> folder.cleanup()
    """

    def __init__(self, dim: int, path: Path | str, *, table: str = "items") -> None:
        try:
            import lancedb
        except ImportError as error:
            raise ImportError("LanceIndex needs LanceDB: pip install 'mmrec[lance]'") from error
        if dim < 1:
            raise ValueError(f"LanceIndex expects a dim of 1 or more; got {dim}")
        self.dim = dim
        self._lock = Lock()
        self._schema = _schema(dim)
        database = lancedb.connect(str(path))
        self._table: Any = _open(database, table, self._schema)
        width = self._table.schema.field("vector").type.list_size
        if width != dim:
            raise ValueError(f"LanceIndex expects vectors of width {dim}; {path} holds {width}")

    def __len__(self) -> int:
        count: int = self._table.count_rows()
        return count

    def __contains__(self, key: int) -> bool:
        return bool(self._table.count_rows(f"key = {int(key)}"))

    def add(self, keys: Int[Tensor, " N"], vectors: Float[Tensor, "N D"]) -> None:
        """Add items that the index does not hold; see :meth:`ItemIndex.add`."""
        keys = check_keys(keys)
        rows = self._rows(keys, check_vectors(vectors, self.dim, len(keys)))
        with self._lock:
            self._check(keys.tolist(), present=False)
            if len(keys):
                self._table.add(rows)

    def update(self, keys: Int[Tensor, " N"], vectors: Float[Tensor, "N D"]) -> None:
        """Give items new vectors; see :meth:`ItemIndex.update`."""
        keys = check_keys(keys)
        rows = self._rows(keys, check_vectors(vectors, self.dim, len(keys)))
        with self._lock:
            self._check(keys.tolist(), present=True)
            if len(keys):
                self._table.merge_insert("key").when_matched_update_all().execute(rows)

    def remove(self, keys: Int[Tensor, " N"]) -> None:
        """Remove items; see :meth:`ItemIndex.remove`."""
        numbers = check_keys(keys).tolist()
        with self._lock:
            self._check(numbers, present=True)
            if numbers:
                self._table.delete(f"key IN ({_listed(numbers)})")

    def search(
        self,
        vectors: Float[Tensor, "B D"],
        k: int,
        *,
        exclude: Sequence[Tensor | np.ndarray] | None = None,
        allow: Bool[Tensor, " keys"] | None = None,
    ) -> SearchResult:
        """Return the k items with the highest inner products; see :meth:`ItemIndex.search`."""
        seen, allow = check_search(len(vectors), k, exclude, allow)
        queries = check_vectors(vectors, self.dim)
        may = "" if allow is None else _allowed(allow)
        parts = [rank(torch.zeros(0, k).long(), torch.zeros(0, k), k)]
        for row, query in enumerate(queries):
            clauses = [may] if may else []
            if seen is not None and len(seen[row]):
                clauses.append(f"key NOT IN ({_listed(seen[row].tolist())})")
            parts.append(self._best(query, k, " AND ".join(clauses)))
        return SearchResult(*(torch.cat(part) for part in zip(*parts, strict=True)))

    def compact(self) -> None:
        """Merge the small files of single changes; call this from time to time, under low load."""
        with self._lock:
            self._table.optimize()

    def _best(self, query: Tensor, k: int, where: str) -> SearchResult:
        search = (
            self._table.search(query.numpy())
            .distance_type("dot")
            .select(["key", "vector", "_distance"])
        )
        if where:
            search = search.where(where, prefilter=True)
        limit = k + 1
        while True:
            found = search.limit(limit).to_arrow()
            keys = torch.from_numpy(found["key"].to_numpy().copy())
            flat = found["vector"].combine_chunks().flatten().to_numpy()
            # LanceDB returns 1 - score, which is less precise than the score.
            scores = torch.from_numpy(flat.copy()).view(len(keys), self.dim) @ query
            if len(keys) < limit or scores.min() < scores.topk(k).values[-1]:
                return rank(keys.unsqueeze(0), scores.unsqueeze(0), k)
            limit *= 4  # the limit cuts equal scores, of which the lowest keys come first

    def _rows(self, keys: Tensor, vectors: Tensor) -> Any:
        import pyarrow as pa

        flat = pa.array(vectors.flatten().numpy(), pa.float32())
        column = pa.FixedSizeListArray.from_arrays(flat, self.dim)
        return pa.table([pa.array(keys.numpy(), pa.int64()), column], schema=self._schema)

    def _check(self, keys: list[int], *, present: bool) -> None:
        if not keys:
            return
        listed = self._table.search().select(["key"]).where(f"key IN ({_listed(keys)})")
        held = set(listed.limit(len(keys)).to_arrow()["key"].to_pylist())
        check_presence(keys, [key in held for key in keys], present=present)


def _open(database: Any, table: str, schema: Any) -> Any:
    if table in database.list_tables().tables:
        return database.open_table(table)
    return database.create_table(table, schema=schema, exist_ok=True)


def _schema(dim: int) -> Any:
    import pyarrow as pa

    return pa.schema([("key", pa.int64()), ("vector", pa.list_(pa.float32(), dim))])


def _listed(keys: list[int]) -> str:
    return ", ".join(map(str, keys))


def _allowed(allow: Tensor) -> str:
    """Return a clause that lists the allowed keys or the others, whichever are fewer."""
    yes, no = allow.nonzero().flatten().tolist(), (~allow).nonzero().flatten().tolist()
    if not yes:
        return "false"
    if len(yes) <= len(no):
        return f"key IN ({_listed(yes)})"
    return f"key < {len(allow)}" + (f" AND key NOT IN ({_listed(no)})" if no else "")
