"""MovieLens 1M and 32M of GroupLens (``ml-1m.zip``, ``ml-32m.zip``)."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from mmrec.data.loaders.joining import join_columns
from mmrec.data.loaders.separated import Types
from mmrec.data.loaders.source import Frames, Source, Tables, with_missing

_NO_GENRES = "(no genres listed)"


def read_ml_1m(source: Source) -> Tables:
    """Read ``ratings.dat``, ``movies.dat`` and ``users.dat``: fields between ``::``, latin-1."""
    ratings, movies, users = source.need("ratings.dat", "movies.dat", "users.dat")

    def read(path: Path, types: Types) -> Frames:
        return source.plain(path, types, "::", encoding="latin-1")

    events = read(
        ratings,
        {
            "user_id": pl.Int64(),
            "item_id": pl.Int64(),
            "rating": pl.Float64(),
            "timestamp": pl.Float64(),
        },
    )
    return Tables(
        events=(frame.with_columns(event=pl.lit("rating")) for frame in events),
        items=read(movies, {"item_id": pl.Int64(), "title": pl.String(), "genres": pl.String()}),
        users=read(
            users,
            {
                "user_id": pl.Int64(),
                "gender": pl.String(),
                "age": pl.Int64(),
                "occupation": pl.Int64(),
                "zip_code": pl.String(),
            },
        ),
    )


def read_ml_32m(source: Source) -> Tables:
    """Read ``ratings.csv``, ``movies.csv`` and, if they are there, ``tags.csv`` and ``links.csv``.

    A tag is an event of the type ``tag``. The layout is also that of ml-25m, ml-20m and ml-latest.
    """
    source.need("ratings.csv", "movies.csv")
    return Tables(events=_events(source), items=_movies(source))


_EVENT = {"userId": pl.Int64(), "movieId": pl.Int64(), "timestamp": pl.Float64()}


def _events(source: Source) -> Iterator[pl.DataFrame]:
    files: dict[str, tuple[str, Types]] = {
        "rating": ("ratings.csv", {"rating": pl.Float64()}),
        "tag": ("tags.csv", {"tag": pl.String()}),
    }
    values = {"rating": pl.Float64(), "tag": pl.String()}
    for event, (name, types) in files.items():
        path = source.find(name)
        if path is None:
            continue
        for frame in source.csv(path, {**_EVENT, **types}):
            named = frame.rename({"userId": "user_id", "movieId": "item_id"})
            yield with_missing(named.with_columns(event=pl.lit(event)), values)


def _movies(source: Source) -> Iterator[pl.DataFrame]:
    codes = {"imdbId": pl.String(), "tmdbId": pl.String()}
    links = source.find("links.csv")
    more = [] if links is None else [source.csv(links, {"movieId": pl.Int64(), **codes})]
    movies = source.csv(
        source.need("movies.csv")[0],
        {"movieId": pl.Int64(), "title": pl.String(), "genres": pl.String()},
    )
    for frame in join_columns(movies, more, "movieId", source.report):
        yield (
            with_missing(frame, codes)
            .with_columns(pl.col("genres").replace(_NO_GENRES, None))
            .rename({"movieId": "item_id", "imdbId": "imdb_id", "tmdbId": "tmdb_id"})
        )
