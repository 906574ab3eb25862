"""Images of a catalogue from their URLs: an explicit download that can be continued."""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import polars as pl

from mmrec.data.download import DownloadError, download_image
from mmrec.data.durable import write_whole
from mmrec.data.tables import read_table, require_columns

MANIFEST = "manifest.jsonl"
"""File in ``images/`` with a line for each URL."""

OK = "ok"
_BETWEEN = re.compile(r"[\s|;,]+(?=https?://)")
_AHEAD = 32  # downloads that are given to each worker at a time


@dataclass(frozen=True)
class Fetched:
    """What became of a URL: one line of the manifest.

    Attributes:
        url: the URL.
        file: name of the file in ``images/``; None if there is none.
        sha256: hash of the file.
        bytes: size of the file.
        status: ``"ok"``, or why there is no file.
    """

    url: str
    file: str | None = None
    sha256: str | None = None
    bytes: int = 0
    status: str = OK


def fetch_images(
    folder: str | Path,
    *,
    column: str = "image_urls",
    workers: int = 8,
    timeout: float = 10.0,
    max_bytes: int = 20_000_000,
) -> dict[str, int]:
    """Download the images that items name by URL, and name the files in the items.

    ``images/manifest.jsonl`` has a line for each URL. Called again, it fetches only what is not
    there yet or no longer has its checksum. A download that fails is counted and listed, and the
    others go on. The column ``image`` of the items becomes the first image that was fetched, and
    ``images`` all of them.

    Args:
        folder: data set folder with ``items.parquet``.
        column: column of the items with a URL, several in one text, separated by ``|``, ``;``, a
            comma or a space, or a list of URLs; ``http`` or ``https``.
        workers: downloads at a time.
        timeout: seconds for a connection and for each wait; a download has six times as long.
        max_bytes: size of the largest image.

    Returns:
        How many URLs there are, how many files were there already, and how many URLs have each
        status.

    Raises:
        FileNotFoundError: there is no ``items.parquet`` in the folder.
        ValueError: there is no such column, ``images`` is a link to another folder, the items have
            a column ``images`` of another origin, or a number is not positive.
    """
    if workers < 1 or timeout <= 0 or max_bytes < 1:
        raise ValueError(
            f"workers, timeout and max_bytes must be positive; got {workers}, {timeout} and "
            f"{max_bytes}"
        )
    path, images = Path(folder) / "items.parquet", Path(folder) / "images"
    items = read_table(path, "items")
    urls = _urls(items, column)
    known = _read_manifest(images / MANIFEST)
    if images.is_symlink():
        raise ValueError(f"{images} is a link to the images of another folder; nothing is fetched")
    if "images" in items.columns and not known:
        raise ValueError(f"{path} has a column images already, which would be replaced; rename it")
    images.mkdir(exist_ok=True)
    wanted = list(dict.fromkeys(url for row in urls for url in row))
    there = {url for url in wanted if url in known and _is_there(known[url], images)}
    load = partial(_fetch, folder=images, timeout=timeout, max_bytes=max_bytes)
    with (images / MANIFEST).open("a", encoding="utf-8") as manifest:
        for entry in _run(load, [url for url in wanted if url not in there], workers):
            known[entry.url] = entry
            manifest.write(_line(entry))
            manifest.flush()
    write_whole(images / MANIFEST, "".join(map(_line, known.values())).encode())
    _name_files(items, urls, known, path)
    statuses = Counter(known[url].status for url in wanted)
    return {"URLs": len(wanted), "there already": len(there), **statuses}


def _urls(items: pl.DataFrame, column: str) -> list[list[str]]:
    """Return the URLs of each item, without empty ones."""
    require_columns(items, [column], "items")
    values = items[column]
    if values.dtype == pl.String:
        rows = [_BETWEEN.split(value.strip()) if value else [] for value in values]
    elif values.dtype == pl.List(pl.String):
        rows = [value or [] for value in values.to_list()]
    else:
        raise ValueError(f"items: {column} must be URLs or lists of URLs; got {values.dtype}")
    return [[url.strip() for url in row if url and url.strip()] for row in rows]


def _run(load: "partial[Fetched]", urls: Sequence[str], workers: int) -> Iterator[Fetched]:
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(urls), workers * _AHEAD):
            yield from pool.map(load, urls[start : start + workers * _AHEAD])


def _fetch(url: str, folder: Path, timeout: float, max_bytes: int) -> Fetched:
    try:
        path, content = download_image(url, folder, timeout=timeout, max_bytes=max_bytes)
    except DownloadError as error:
        return Fetched(url, status=str(error))
    return Fetched(url, path.name, sha256(content).hexdigest(), len(content))


def _read_manifest(path: Path) -> dict[str, Fetched]:
    """Return the last entry of each URL; a line that was not completed is left out."""
    entries: dict[str, Fetched] = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                entry = Fetched(**json.loads(line))
            except (ValueError, TypeError):
                continue
            entries[entry.url] = entry
    return entries


def _is_there(entry: Fetched, folder: Path) -> bool:
    if entry.status != OK or entry.file is None or Path(entry.file).name != entry.file:
        return False
    path = folder / entry.file
    return path.is_file() and sha256(path.read_bytes()).hexdigest() == entry.sha256


def _line(entry: Fetched) -> str:
    return json.dumps(asdict(entry), ensure_ascii=False) + "\n"


def _name_files(
    items: pl.DataFrame, urls: list[list[str]], known: Mapping[str, Fetched], path: Path
) -> None:
    """Write the columns ``image`` and ``images``; an image from elsewhere stays."""
    files = [[entry.file for entry in (known[url] for url in row) if entry.file] for row in urls]
    first = pl.Series("image", [row[0] if row else None for row in files], dtype=pl.String)
    if "image" in items.columns:
        first = items.select(pl.coalesce(first, pl.col("image").cast(pl.String))).to_series()
    named = items.with_columns(
        first.alias("image"), pl.Series("images", files, dtype=pl.List(pl.String))
    )
    content = io.BytesIO()
    named.write_parquet(content, compression="zstd")
    write_whole(path, content.getvalue())
