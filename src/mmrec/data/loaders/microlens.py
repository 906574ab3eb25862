"""MicroLens of Westlake University (arXiv 2309.15379): views of short videos, with covers."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from mmrec.data.loaders.joining import join_columns
from mmrec.data.loaders.lines import LINE
from mmrec.data.loaders.source import Frames, Source, Tables, image_column

_IMAGE = ".jpg"


def read_microlens(source: Source) -> Tables:
    """Read ``*_pairs.csv`` (or ``*_pairs.tsv``), ``*_title*.csv`` and the folder ``*_covers``.

    ``*_likes_and_views.txt`` and ``tags_to_summary.csv`` give more columns of items if they are
    there. The tsv file has the order of a user's views and no times.
    """
    titles = source.need_one("*_title*.csv")
    covers = sorted(path for path in source.folder.glob("*covers") if path.is_dir())
    pairs = sorted(source.folder.glob("*_pairs.csv")) or sorted(source.folder.glob("*_pairs.tsv"))
    if not pairs:
        raise source.lacks(["*_pairs.csv or *_pairs.tsv"])
    if len(pairs) > 1 or len(covers) > 1:
        names = [path.name for path in (pairs if len(pairs) > 1 else covers)]
        raise ValueError(f"{source.folder} must hold one data set; got {names}")
    images = covers[0] if covers else None
    timed = pairs[0].suffix == ".csv"
    return Tables(
        events=_views(source, pairs[0]) if timed else _sequences(source, pairs[0]),
        items=_videos(source, titles, images),
        images=images,
    )


def _views(source: Source, path: Path) -> Frames:
    types = {"user": pl.Int64(), "item": pl.Int64(), "timestamp": pl.Float64()}
    for frame in source.csv(path, types):
        yield frame.rename({"user": "user_id", "item": "item_id"}).with_columns(
            pl.col("timestamp") / 1000, event=pl.lit("view")
        )


def _sequences(source: Source, path: Path) -> Frames:
    for frame in source.plain(path, {"user_id": pl.Int64(), "items": pl.String()}, "\t"):
        counts = source.report.files[-1]
        items = pl.col("items").str.extract_all(r"\d+").list.eval(pl.element().cast(pl.Int64))
        good = pl.col("items").str.contains(r"^\s*\d+(\s+\d+)*\s*$").fill_null(False)
        counts.drop("expected item ids separated by spaces", frame.filter(~good)[LINE])
        yield (
            frame.filter(good)
            .with_columns(item_id=items, event=pl.lit("view"))
            .with_columns(position=pl.int_ranges(pl.col("item_id").list.len()))
            .explode("item_id", "position")
            .drop("items")
        )


def _videos(source: Source, titles: Path, images: Path | None) -> Iterator[pl.DataFrame]:
    counts = source.folder.glob("*_likes_and_views.txt")
    more = [
        source.plain(path, {"item_id": pl.Int64(), "likes": pl.Int64(), "views": pl.Int64()}, "\t")
        for path in sorted(counts)[:1]
    ]
    tags = source.find("tags_to_summary.csv")
    if tags is not None:
        more.append(_pairs(source, tags, "category"))
    image = image_column(pl.format("{}" + _IMAGE, "item_id"), images)
    for frame in join_columns(_pairs(source, titles, "title"), more, "item_id", source.report):
        yield frame.with_columns(image)


def _pairs(source: Source, path: Path, column: str) -> Frames:
    """Yield ids and texts of a CSV file, which has a header in some of the published sets only."""
    names = ["item_id", column]
    with path.open("rb") as file:
        first = file.readline(100).decode("utf-8", "replace")
    headed = first.split(",")[0].strip('\ufeff" ').lower() in ("item", "video", "videoid")
    types = {"item_id": pl.Int64(), column: pl.String()}
    yield from source.csv(path, types, header=names, skip_first=headed)
