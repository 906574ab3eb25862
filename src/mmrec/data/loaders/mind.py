"""MIND, the news of Microsoft News (Wu et al., ACL 2020): impressions, clicks and histories."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mmrec.data.loaders.lines import FILE, LINE
from mmrec.data.loaders.report import ImportReport
from mmrec.data.loaders.source import Frames, Source, Tables

_COLUMNS = [
    *("user_id", "item_id", "timestamp", "event", "impression_id", "part"),
    *("from_history", "place", FILE, LINE),
]
_USERS = 20_000  # histories that are written at a time

_BEHAVIOR = ("impression_id", "user_id", "time", "history", "impressions")
_NEWS = [
    "item_id",
    "category",
    "subcategory",
    "title",
    "abstract",
    "url",
    "title_entities",
    "abstract_entities",
]
_IMPRESSIONS = r"^\S+-[01]( +\S+-[01])* *$"


@dataclass(frozen=True)
class _Part:
    name: str
    behaviors: Path
    news: Path


def read_mind(source: Source) -> Tables:
    """Read ``behaviors.tsv`` and ``news.tsv`` of the training and validation parts.

    They lie in folders whose names end with ``train`` and ``dev``, or in the folder itself. The
    test part has no labels and is not read.
    """
    parts = _parts(source)
    return Tables(events=_events(source, parts), items=_news(source, parts))


def _parts(source: Source) -> list[_Part]:
    folders = [path for path in sorted(source.folder.iterdir()) if path.is_dir()]
    places = {
        name: folder
        for name in ("train", "dev")
        for folder in folders
        if folder.name.lower().endswith(name)
    }
    if not places:
        name = source.folder.resolve().name.lower()
        places = {"dev" if name.endswith("dev") else "train": source.folder}
    files = {
        name: (folder / "behaviors.tsv", folder / "news.tsv") for name, folder in places.items()
    }
    missing = [path for pair in files.values() for path in pair if not path.is_file()]
    if missing:
        raise source.lacks([str(path.relative_to(source.folder)) for path in missing])
    return [_Part(name, *pair) for name, pair in files.items()]


def _events(source: Source, parts: list[_Part]) -> Iterator[pl.DataFrame]:
    histories = _histories(source, parts)
    for piece in histories.iter_slices(_USERS):
        yield (
            piece.with_columns(item_id=pl.col("history").str.split(" "))
            .with_columns(place=pl.int_ranges(pl.col("item_id").list.len()))
            .explode("item_id", "place")
            .with_columns(
                pl.lit(None, pl.String).alias("impression_id"),
                event=pl.lit("click"),
                from_history=pl.lit(True),
            )
            .select(_COLUMNS)
        )
    known = histories.select("user_id", known=pl.col("history"))
    for part in parts:
        for frame in _behaviors(source, part):
            other = frame.join(known, on="user_id").filter(pl.col("history") != pl.col("known"))
            source.report.note(
                "impressions with another history than the first of their user, history not kept",
                len(other),
            )
            yield (
                frame.with_columns(pl.col("impressions").str.split(" "))
                .with_columns(place=pl.int_ranges(pl.col("impressions").list.len()))
                .explode("impressions", "place")
                .with_columns(
                    item_id=pl.col("impressions").str.head(-2),
                    event=pl.when(pl.col("impressions").str.ends_with("-1"))
                    .then(pl.lit("click"))
                    .otherwise(pl.lit("impression")),
                    from_history=pl.lit(False),
                )
                .select(_COLUMNS)
            )


def _histories(source: Source, parts: list[_Part]) -> pl.DataFrame:
    """Return the history and the time of the first impression of each user who has a history."""
    quiet = Source(source.folder, ImportReport("mind", source.folder))  # all is read again
    kept: pl.DataFrame | None = None
    for part in parts:
        for frame in _behaviors(quiet, part):
            # A part is read once in each report, so its file has the same number in both.
            found = frame.drop("impression_id", "impressions").drop_nulls("history")
            both = found if kept is None else pl.concat([kept, found])
            kept = both.sort("timestamp", maintain_order=True).unique(
                "user_id", keep="first", maintain_order=True
            )
    if kept is None:
        names = [str(part.behaviors) for part in parts]
        raise ValueError(f"expected impressions in {', '.join(names)}; got empty files")
    return kept


def _behaviors(source: Source, part: _Part) -> Frames:
    for frame in source.plain(part.behaviors, dict.fromkeys(_BEHAVIOR, pl.String()), "\t"):
        counts = source.report.files[-1]
        good = pl.col("impressions").str.contains(_IMPRESSIONS).fill_null(False)
        counts.drop("expected impressions such as N1-1 N2-0", frame.filter(~good)[LINE])
        time = pl.col("time").str.to_datetime("%m/%d/%Y %I:%M:%S %p", strict=False)
        squeezed = [
            pl.col(name).str.strip_chars().str.replace_all(" +", " ")
            for name in ("impressions", "history")
        ]
        frame = frame.filter(good).with_columns(
            *squeezed, timestamp=time.dt.epoch("s").cast(pl.Float64), part=pl.lit(part.name)
        )
        counts.drop(
            "expected a time such as 11/15/2019 9:05:58 AM",
            frame.filter(pl.col("timestamp").is_null())[LINE],
        )
        yield frame.drop("time").drop_nulls("timestamp")


def _news(source: Source, parts: list[_Part]) -> Iterator[pl.DataFrame]:
    for part in parts:
        yield from source.plain(part.news, dict.fromkeys(_NEWS, pl.String()), "\t")
