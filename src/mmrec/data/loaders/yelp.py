"""The Yelp Open Dataset: reviews and tips on businesses, and who wrote them."""

from collections.abc import Iterator

import polars as pl

from mmrec.data.loaders.json_lines import Field, to_json
from mmrec.data.loaders.source import Source, Tables, with_missing

_FILE = "yelp_academic_dataset_{}.json"


def _listed(text: str) -> list[str]:
    """Return the parts of a text such as ``"2015, 2016"``; ``"None"`` has none."""
    return [] if text == "None" else [part.strip() for part in text.split(",") if part.strip()]


def _categories(text: str) -> str:
    return "|".join(_listed(text))


_WHO = {"user_id": Field(pl.String()), "item_id": Field(pl.String(), of="business_id")}
_VOTES = {name: Field(pl.Int64()) for name in ("useful", "funny", "cool")}

_EVENTS = {
    "review": {
        **_WHO,
        "timestamp": Field(pl.String(), of="date"),
        "rating": Field(pl.Float64(), of="stars"),
        "review_id": Field(pl.String()),
        "review_text": Field(pl.String(), of="text"),
        **_VOTES,
    },
    "tip": {
        **_WHO,
        "timestamp": Field(pl.String(), of="date"),
        "tip_text": Field(pl.String(), of="text"),
        "compliment_count": Field(pl.Int64()),
    },
}

_BUSINESS = {
    "item_id": Field(pl.String(), of="business_id"),
    "title": Field(pl.String(), of="name"),
    "categories": Field(pl.String(), convert=_categories),
    **{name: Field(pl.String()) for name in ("address", "city", "state", "postal_code")},
    **{name: Field(pl.Float64()) for name in ("latitude", "longitude")},
    "average_rating": Field(pl.Float64(), of="stars"),
    **{name: Field(pl.Int64()) for name in ("review_count", "is_open")},
    **{name: Field(pl.String(), convert=to_json) for name in ("attributes", "hours")},
}

_COMPLIMENTS = [
    "hot",
    "more",
    "profile",
    "cute",
    "list",
    "note",
    "plain",
    "cool",
    "funny",
    "writer",
    "photos",
]
_USER = {
    "user_id": Field(pl.String()),
    "name": Field(pl.String()),
    "review_count": Field(pl.Int64()),
    "yelping_since": Field(pl.String()),
    **_VOTES,
    "fans": Field(pl.Int64()),
    "average_rating": Field(pl.Float64(), of="average_stars"),
    "friends": Field(pl.List(pl.String), convert=_listed),
    "elite": Field(pl.List(pl.String), convert=_listed),
    **{f"compliment_{name}": Field(pl.Int64()) for name in _COMPLIMENTS},
}


def read_yelp(source: Source) -> Tables:
    """Read ``yelp_academic_dataset_{review,business,user}.json`` and ``…_tip.json`` if it exists.

    A tip is an event of the type ``tip``. Check-ins name no user and are not read.
    """
    names = [_FILE.format(name) for name in ("review", "business", "user")]
    _, businesses, users = source.need(*names)
    return Tables(
        events=_events(source),
        items=source.json(businesses, _BUSINESS),
        users=source.json(users, _USER),
    )


def _events(source: Source) -> Iterator[pl.DataFrame]:
    columns = {name: field.dtype for fields in _EVENTS.values() for name, field in fields.items()}
    time = pl.col("timestamp").str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False)
    for event, fields in _EVENTS.items():
        path = source.find(_FILE.format(event))
        if path is not None:
            for frame in source.json(path, fields):
                yield with_missing(frame, columns).with_columns(
                    timestamp=time.dt.epoch("us") / 1e6, event=pl.lit(event)
                )
