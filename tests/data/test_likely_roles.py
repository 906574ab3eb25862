import numpy as np
import polars as pl
import pytest

from mmrec.data.given_columns import columns_given
from mmrec.data.likely_roles import MOST_EVENTS, how_given_roles, likely_roles, said_roles

COUNT, DAY = 600, 86_400.0


@pytest.fixture
def log():
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "user_id": [f"u{n}" for n in rng.integers(40, size=COUNT)],
            "item_id": [f"v{n}" for n in rng.integers(30, size=COUNT)],
            "timestamp": 1.7e9 + np.arange(COUNT) * 3600.0,
        }
    )


def column(values, seed=1):
    return pl.Series(np.random.default_rng(seed).choice(values, COUNT).tolist())


def found(events, items=None):
    return [(role.column, role.ours) for role in likely_roles(events, items)]


def test_a_log_of_a_video_site_in_german(log):
    rng = np.random.default_rng(2)
    events = log.with_columns(
        ereignis=column(["ansehen", "merken", "kaufen"]),
        gesehen_s=pl.Series(rng.integers(1, 900, COUNT).astype(str).tolist()),  # of a CSV file
    )
    items = pl.DataFrame(
        {
            "item_id": [f"v{n}" for n in range(30)],
            "titel": [f"Film {n}" for n in range(30)],
            "hochgeladen_am": [f"2023-01-{n + 1:02}" for n in range(30)],
        }
    )
    assert found(events, items) == [
        ("ereignis", "event"),
        ("gesehen_s", "watch_seconds"),
        ("hochgeladen_am", "created_at"),
    ]
    roles = likely_roles(events, items)
    assert said_roles(roles).startswith(
        "ereignis looks like event types such as ansehen, kaufen, merken (event), but may be"
    )
    with columns_given({"nutzer": "user_id"}):
        assert how_given_roles(roles) == (
            "--columns nutzer=user_id,hochgeladen_am=created_at,ereignis=event,"
            "gesehen_s=watch_seconds"
        )


def test_what_is_the_same_for_a_user_or_an_item_is_theirs(log):
    of_user = pl.col("user_id").str.slice(1).cast(pl.Int64)
    of_item = pl.col("item_id").str.slice(1).cast(pl.Int64)
    events = log.with_columns(
        land=pl.when(of_user % 2 == 0).then(pl.lit("Wien")).otherwise(pl.lit("Bern")),
        sparte=pl.when(of_item % 2 == 0).then(pl.lit("Krimi")).otherwise(pl.lit("Musik")),
        preis=of_item * 7 + 3,
        alter=of_user + 18,
    )
    assert found(events) == []


def test_two_columns_for_one_role_are_both_said(log):
    events = log.with_columns(
        ereignis=column(["ansehen", "kaufen"]), knopf=column(["oben", "unten"], seed=3)
    )
    roles = likely_roles(events)
    assert how_given_roles(roles) == "--columns ereignis=event (or knopf=event)"


@pytest.mark.parametrize(
    ("values", "ours"),
    [
        (np.arange(1, 6), "rating"),
        (np.arange(0, 11) / 2, "rating"),
        (np.linspace(0, 1, 50), "watch_share"),
        (np.arange(0, 3000), "watch_seconds"),
        (np.arange(0, 11) * 100, None),
        (np.arange(-20, 20), None),
        (np.arange(100_000, 200_000), None),
        ([0, 1], None),
    ],
)
def test_numbers_by_their_range(log, values, ours):
    events = log.with_columns(wert=column(values))
    assert found(events) == ([] if ours is None else [("wert", ours)])


def test_what_is_there_is_not_looked_for(log):
    events = log.with_columns(
        event=column(["view", "cart"]), art=column(["a1b", "c2d"]), rating=column([1, 2, 3])
    )
    assert found(events.with_columns(wert=column(np.arange(900)))) == []
    assert likely_roles(log.with_columns(art=column(["ab", "cd"])), None, {"art"}) == []
    assert found(log.with_columns(sitzung_id=column(["ab", "cd"]))) == []


def test_many_or_empty_texts_are_no_types(log):
    assert found(log.with_columns(wort=column([f"wort{n}" for n in range(13)]))) == []
    assert found(log.with_columns(leer=pl.lit(""), zahl=column(["1", "2"]))) == []


def test_dates_after_the_events_are_no_beginnings(log):
    items = pl.DataFrame(
        {
            "item_id": [f"v{n}" for n in range(30)],
            "bis": [f"2030-01-{n + 1:02}" for n in range(30)],
            "ab": pl.Series([f"2022-01-{n + 1:02}" for n in range(30)]).str.to_date(),
            "ab_s": [1_600_000_000 + n for n in range(30)],
            "dauer": list(range(30)),
        }
    )
    assert found(log, items) == [("ab", "created_at"), ("ab_s", "created_at")]
    assert found(log, items.with_columns(released_at=pl.lit("2020-01-01"))) == []
    assert found(log.rename({"timestamp": "position"}), items) == []


@pytest.mark.parametrize(
    "name",
    [
        *("price", "unit_price", "Verkaufspreis", "hour", "month", "page", "qty", "bestellMenge"),
        *("weekday", "lat", "longitude", "item_count", "product_ids"),
    ],
)
@pytest.mark.parametrize("values", [np.arange(1, 6), np.linspace(0, 1, 50), np.arange(3000)])
def test_numbers_whose_name_says_what_they_are(log, name, values):
    assert found(log.with_columns(column(values).alias(name))) == []


@pytest.mark.parametrize(
    "name", ["country", "Device", "weekday", "user_browser", "os", "platform", "sprache", "city"]
)
def test_texts_whose_name_says_what_they_are(log, name):
    assert found(log.with_columns(column(["mobile", "desktop"]).alias(name))) == []


def test_of_a_long_log_some_events_are_looked_at():
    """Most users have one or two of them, and most events are of one type."""
    count, rng = 2_000_000, np.random.default_rng(0)
    user, item = rng.integers(100_000, size=count), rng.integers(20_000, size=count)
    events = pl.DataFrame(
        {
            "user_id": user,
            "item_id": item,
            "timestamp": np.arange(count) + 1.7e9,
            "ereignis": np.where(rng.random(count) < 0.95, "ansehen", "kaufen"),
            "gesehen_s": rng.integers(900, size=count),
            "herkunft": np.where(user % 2 == 0, "Wien", "Bern"),
            "sparte": np.where(item % 2 == 0, "Krimi", "Musik"),
        }
    )
    assert count > 10 * MOST_EVENTS
    assert found(events) == [("ereignis", "event"), ("gesehen_s", "watch_seconds")]
    assert likely_roles(events) == likely_roles(events.gather_every(count // MOST_EVENTS))
