"""What a store of feature rows costs: a memory-mapped file (ours), SQLite and LMDB.

    python benchmarks/feature_store.py [--rows 100000] [--dim 384] [--folder .]

Each store gets rows in commits of 1,000 that wait for the disk, then 10,000 more. Then random rows
are gathered, as a training step does. LMDB is left out where the package ``lmdb`` is not installed.
"""

import argparse
import sqlite3
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mmrec.encoders.rowlog import RowLog

COMMIT, MORE = 1_000, 10_000

Write = Callable[[Sequence[tuple[Sequence[bytes], np.ndarray]]], object]
Read = Callable[[np.ndarray], np.ndarray]
Store = tuple[Write, Callable[[], Read]]
"""How to write commits of keys and rows, and how to open the store for reading some positions."""


def memory_mapped(folder: Path, dim: int, keys: Sequence[bytes]) -> Store:
    """Return the store of mmrec."""
    log = RowLog(folder / "log", dim, "benchmark")

    def write(commits: Sequence[tuple[Sequence[bytes], np.ndarray]]) -> None:
        with log.locked():
            for names, rows in commits:
                log.append(names, rows)

    return write, lambda: log.table().__getitem__


def sqlite(folder: Path, dim: int, keys: Sequence[bytes]) -> Store:
    """Return a table of blobs, mapped into memory."""
    (folder / "sqlite").mkdir()
    database = sqlite3.connect(folder / "sqlite" / "rows.db")
    database.executescript(
        "pragma page_size = 16384; pragma journal_mode = wal; pragma synchronous = full;"
        "pragma mmap_size = 2000000000;"
        "create table rows (id integer primary key, key blob unique not null, row blob not null)"
    )

    def write(commits: Sequence[tuple[Sequence[bytes], np.ndarray]]) -> None:
        for names, rows in commits:
            values = [(name, row.tobytes()) for name, row in zip(names, rows, strict=True)]
            with database:
                database.executemany("insert into rows (key, row) values (?, ?)", values)

    def read(positions: np.ndarray) -> np.ndarray:
        ids = (positions + 1).tolist()
        where = ",".join(map(str, ids))
        found = dict(database.execute(f"select id, row from rows where id in ({where})"))
        return np.frombuffer(b"".join([found[i] for i in ids]), np.float32).reshape(-1, dim)

    return write, lambda: read


def lmdb(folder: Path, dim: int, keys: Sequence[bytes]) -> Store:
    """Return an LMDB environment of rows by key."""
    import lmdb as package

    environment: Any = package.open(str(folder / "lmdb"), map_size=2**33)

    def write(commits: Sequence[tuple[Sequence[bytes], np.ndarray]]) -> None:
        for names, rows in commits:
            values = [(name, row.tobytes()) for name, row in zip(names, rows, strict=True)]
            with environment.begin(write=True) as change:
                change.cursor().putmulti(values)

    def read(positions: np.ndarray) -> np.ndarray:
        rows = np.empty((len(positions), dim), np.float32)
        with environment.begin(buffers=True) as reading:
            for place, position in enumerate(positions.tolist()):
                rows[place] = np.frombuffer(reading.get(keys[position]), np.float32)
        return rows

    return write, lambda: read


def measure(name: str, store: Store, keys: Sequence[bytes], rows: np.ndarray) -> None:
    """Print the line of one store."""
    write, reader = store
    seconds = []
    for first, last in ((0, len(rows) - MORE), (len(rows) - MORE, len(rows))):
        parts = [slice(start, min(start + COMMIT, last)) for start in range(first, last, COMMIT)]
        began = time.perf_counter()
        write([(keys[part], rows[part]) for part in parts])
        seconds.append(time.perf_counter() - began)
    draw, line, read = np.random.default_rng(1), [], reader()
    for count in (256, 4096):
        taken = []
        for _ in range(60):
            positions = draw.integers(len(rows), size=count)
            began = time.perf_counter()
            found = read(positions)
            taken.append(1e3 * (time.perf_counter() - began))
            assert np.array_equal(found, rows[positions])
        line.append(f"gather {count}: {np.median(taken):.3f} ms")
    print(f"{name:<14} first rows {seconds[0]:.2f} s, 10,000 more {seconds[1]:.2f} s,", *line)


def main() -> None:
    """Print a line for each store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--folder", type=Path, default=Path(), help="stores lie in a new one here")
    arguments = parser.parse_args()
    count = arguments.rows + MORE
    rows = np.random.default_rng(0).standard_normal((count, arguments.dim), dtype=np.float32)
    keys = [sha256(str(i).encode()).digest() for i in range(count)]
    for make in (memory_mapped, sqlite, lmdb):
        with TemporaryDirectory(dir=arguments.folder) as folder:
            try:
                store = make(Path(folder), arguments.dim, keys)
            except ImportError:
                print(f"{make.__name__}: not installed")
                continue
            measure(make.__name__, store, keys, rows)
            size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
            print(f"{'':<14} {size / 2**20:.0f} MB")


if __name__ == "__main__":
    main()
