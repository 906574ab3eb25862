"""Small folders of published layouts, each with one corrupted, missing and repeated line."""

import gzip
import json

import polars as pl
import pytest
from PIL import Image

from mmrec.data import read_folder
from mmrec.data.loaders import import_folder


def lines(path, rows, *, encoding="utf-8", end="\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{row}{end}" for row in rows).encode(encoding))


def jsons(path, rows):
    texts = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    if path.suffix == ".gz":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress("\n".join(texts).encode()))
    else:
        lines(path, texts)


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (200, 30, 60)).save(path)


@pytest.fixture
def ml_1m(tmp_path):
    source = tmp_path / "ml-1m"
    ratings = [
        f"{u}::{i}::{1 + (u + i) % 5}::{978300000 + 60 * u + i}"
        for u in range(1, 7)
        for i in range(1, 7)
    ]
    ratings += [
        "1::2::five::978300999",
        "7::3::4",
        ratings[0],
        "2::::5::978300998",
        "8::99::5::978301000",
    ]
    lines(source / "ratings.dat", ratings, encoding="latin-1")
    movies = [f"{i}::Amélie {i} (2001)::Comedy|Romance" for i in range(1, 8)]
    lines(source / "movies.dat", [*movies, movies[0], "3::Another::Drama", "x"], encoding="latin-1")
    users = [f"{u}::F::25::4::5511{u}" for u in range(1, 9)]
    lines(source / "users.dat", [*users, users[1], "9::F"], encoding="latin-1")
    lines(source / "README", ["read me"])
    return source


@pytest.fixture
def ml_32m(tmp_path):
    source = tmp_path / "ml-32m"
    ratings = ["1,10,4.5,944249077", "1,11,3.0,944249078", "2,10,1.0,944249080"]
    lines(
        source / "ratings.csv",
        ["userId,movieId,rating,timestamp", *ratings, "2,11,x,5", "3,10", ratings[2]],
        end="\r\n",
    )
    lines(
        source / "tags.csv",
        [
            "userId,movieId,tag,timestamp",
            '2,11,"dark, slow",944249090',
            '2,11,"open,944249091',
            "2,11,,944249092",
            "1,10,fun,944249093",
        ],
    )
    lines(
        source / "movies.csv",
        [
            "movieId,title,genres",
            '10,"Postino, Il (1994)",Drama',
            '11,"The ""Big"" One (1997)",(no genres listed)',
            "12,Alone",
        ],
    )
    lines(source / "links.csv", ["movieId,imdbId,tmdbId", "10,0110877,11010", "11,0124295,"])
    return source


@pytest.fixture
def amazon(tmp_path):
    source = tmp_path / "amazon"
    review = {
        "rating": 5.0,
        "title": "Good",
        "text": "It works.\nTwice.",
        "asin": "B01",
        "user_id": "AE1",
        "images": [
            {
                "small_image_url": "https://x/s.jpg",
                "large_image_url": "https://x/l.jpg",
                "medium_image_url": "https://x/m.jpg",
                "attachment_type": "IMAGE",
            }
        ],
        "parent_asin": "B00",
        "timestamp": 1588615855070,
        "helpful_vote": 1,
        "verified_purchase": True,
    }
    rows = [
        review,
        review | {"user_id": "AE2", "rating": 2},
        review,
        review | {"rating": "five"},
        {k: v for k, v in review.items() if k != "user_id"},
        json.dumps(review)[:40],
        review | {"parent_asin": "B99", "vine": True},
    ]
    jsons(source / "All_Beauty.jsonl.gz", rows)
    meta = {
        "main_category": "All Beauty",
        "title": "Brush",
        "average_rating": 4.8,
        "rating_number": 10,
        "features": ["soft"],
        "description": ["A brush.", "Or two."],
        "price": 12.5,
        "images": [
            {
                "thumb": "https://x/t.jpg",
                "large": "https://x/L.jpg",
                "variant": "MAIN",
                "hi_res": "https://x/H.jpg",
            },
            {
                "thumb": "https://x/t2.jpg",
                "large": "https://x/L2.jpg",
                "variant": "PT01",
                "hi_res": None,
            },
        ],
        "videos": [],
        "store": "Shop",
        "categories": ["Beauty", "Tools"],
        "details": {"Brand": "X", "Size": "3"},
        "parent_asin": "B00",
        "bought_together": None,
    }
    rows = [
        meta,
        meta | {"parent_asin": "B02", "price": "from 14.99", "images": []},
        meta,
        "{}",
        "[1]",
        meta | {"title": "Other"},
    ]
    jsons(source / "meta_All_Beauty.jsonl.gz", rows)
    return source


NEWS = 'N{}\tsports\tsoccer\tTitle "{}"\tAbstract\thttps://x/{}.html\t[]\t[]'


@pytest.fixture
def mind(tmp_path):
    source = tmp_path / "MIND"
    lines(source / "MINDsmall_train" / "news.tsv", [NEWS.format(i, i, i) for i in range(1, 6)])
    lines(
        source / "MINDsmall_dev" / "news.tsv", [NEWS.format(5, 5, 5), NEWS.format(6, 6, 6), "N7\tx"]
    )
    lines(
        source / "MINDsmall_train" / "behaviors.tsv",
        [
            "1\tU1\t11/11/2019 9:05:58 AM\tN1 N2\tN3-1 N4-0",
            "2\tU1\t11/10/2019 11:00:00 PM\tN1 N2\tN5-0 N1-1",
            "3\tU2\t11/12/2019 1:00:00 PM\t\tN3-0 N4-1",
            "1\tU1\t11/11/2019 9:05:58 AM\tN1 N2\tN3-1 N4-0",
            "4\tU2\t11/12/2019 1:00:00 PM\t\tN3 N4",
            "5\tU2\tyesterday\t\tN3-1",
            "6\t\t11/12/2019 1:00:00 PM\t\tN3-1",
            "7\tU2",
        ],
    )
    lines(
        source / "MINDsmall_dev" / "behaviors.tsv",
        [
            "1\tU1\t11/15/2019 9:00:00 AM\tN1 N2 N3\tN6-1 N9-0",
        ],
    )
    lines(source / "MINDsmall_train" / "entity_embedding.vec", ["Q1\t0.1"])
    lines(source / "MINDsmall_test" / "behaviors.tsv", ["1\tU1\t11/15/2019 9:00:00 AM\t\tN3 N4"])
    return source


@pytest.fixture
def microlens(tmp_path):
    source = tmp_path / "MicroLens-50k"
    pairs = [
        f"{u},{i},{1583378629552 + 1000 * (10 * u + i)}" for u in range(1, 7) for i in range(1, 7)
    ]
    lines(
        source / "MicroLens-50k_pairs.csv",
        ["user,item,timestamp", *pairs, pairs[3], "1,2", "1,,1583378629552", "1,2,never"],
    )
    lines(
        source / "MicroLens-50k_titles.csv",
        [
            "item,title",
            '1,"A cat, asleep"',
            '2,5" screen',
            '3,"Two\nlines"',
            '4,"open',
            "5,Five",
            "5,Five",
            "6,Six",
        ],
    )
    lines(source / "MicroLens-50k_likes_and_views.txt", ["1\t14\t200", "2\tmany\t3"])
    for item in (1, 2):
        picture(source / "MicroLens-50k_covers" / f"{item}.jpg")
    return source


@pytest.fixture
def hm(tmp_path):
    source = tmp_path / "hm"
    sale = "2018-09-20,000058a1,0663713001,0.0508,2"
    lines(
        source / "transactions_train.csv",
        [
            "t_dat,customer_id,article_id,price,sales_channel_id",
            sale,
            sale,
            "2018-09-21,000058a1,0541518023,0.0305,2",
            "20180921,000058a1,0541518023,0.0305,2",
            "2018-09-21,,0541518023,0.0305,2",
            "2018-09-21,000058a1,0541518023",
        ],
    )
    lines(
        source / "articles.csv",
        [
            "article_id,product_code,prod_name,product_type_name,detail_desc",
            '0663713001,0663713,Atlanta Push Body,Underwear body,"Lace push-up body, wired."',
            "0108775015,0108775,Strap top,Vest top,",
            "0108775015,0108775,Strap top,Vest top,",
            "1,2",
        ],
    )
    lines(
        source / "customers.csv",
        [
            "customer_id,FN,Active,club_member_status,fashion_news_frequency,age,postal_code",
            "000058a1,1.0,,ACTIVE,NONE,49.0,52043ee2",
            "000058a1,1.0,,ACTIVE,NONE,49.0,52043ee2",
            "0000423b,,,,,old,2973abc5",
        ],
    )
    picture(source / "images" / "066" / "0663713001.jpg")
    return source


@pytest.fixture
def yelp(tmp_path):
    source = tmp_path / "yelp"
    name = "yelp_academic_dataset_{}.json"
    review = {
        "review_id": "r1",
        "user_id": "u1",
        "business_id": "b1",
        "stars": 3.0,
        "useful": 0,
        "funny": 0,
        "cool": 1,
        "text": "Fine.",
        "date": "2018-07-07 22:09:11",
    }
    jsons(
        source / name.format("review"),
        [
            review,
            review,
            '{"review_id": ',
            review | {"date": "lately"},
            review | {"user_id": None},
            review | {"review_id": "r2", "business_id": "b9"},
        ],
    )
    jsons(
        source / name.format("tip"),
        [
            {
                "user_id": "u1",
                "business_id": "b1",
                "text": "Go.",
                "date": "2012-05-18 02:17:21",
                "compliment_count": 0,
            }
        ],
    )
    jsons(
        source / name.format("business"),
        [
            {
                "business_id": "b1",
                "name": "Café",
                "address": "1 Main",
                "city": "Affton",
                "state": "MO",
                "postal_code": "63123",
                "latitude": 38.5,
                "longitude": -90.3,
                "stars": 3.0,
                "review_count": 15,
                "is_open": 1,
                "attributes": {"WiFi": "u'no'"},
                "categories": "Pubs, Food",
                "hours": None,
            }
        ],
    )
    jsons(
        source / name.format("user"),
        [
            {
                "user_id": "u1",
                "name": "Ann",
                "review_count": 7,
                "yelping_since": "2009-01-25 16:47:26",
                "useful": 1,
                "funny": 1,
                "cool": 1,
                "elite": "2015,2016",
                "friends": "u2, u3",
                "fans": 0,
                "average_stars": 4.1,
                "compliment_hot": 2,
            },
            "null",
            {"user_id": "u2", "friends": "None"},
        ],
    )
    jsons(source / name.format("checkin"), [{"business_id": "b1", "date": "2020-03-13 21:10:56"}])
    return source


@pytest.fixture
def named(tmp_path):
    source = tmp_path / "named"
    event = {"user_id": "u", "item_id": 7, "timestamp": 5, "event": "view", "n": 1}
    jsons(
        source / "events.jsonl",
        [
            event,
            event,
            event | {"timestamp": "2024-05-01T10:00:00Z", "n": 2.5, "where": {"a": 1}},
            event | {"timestamp": "soon"},
            event | {"timestamp": 1.7e12},
            event | {"item_id": None},
            "{",
            event | {"item_id": 9},
        ],
    )
    jsons(
        source / "items.jsonl",
        [{"item_id": 7, "title": "A lamp", "tags": ["x", "y"]}, {"item_id": 7, "title": "Again"}],
    )
    jsons(source / "users.jsonl", [{"user_id": "u", "age": 30}])
    return source


@pytest.fixture
def load(tmp_path):
    """Import a folder, and return the report, the three tables and the dataset."""

    def run(layout, source, **options):
        target = tmp_path / "data"
        report = import_folder(layout, source, target, **options)
        names = ("interactions", "items", "users")
        tables = [
            pl.read_parquet(path) if path.exists() else None
            for path in (target / f"{name}.parquet" for name in names)
        ]
        return report, *tables, read_folder(target)

    return run


@pytest.fixture
def dropped():
    """Return the line numbers that were dropped from a file, by reason."""

    def lines_of(report, name):
        file = next(file for file in report.files if file.path.name == name)
        assert all(entry.count == len(entry.lines) for entry in file.dropped.values())
        return {why: entry.lines for why, entry in file.dropped.items()}

    return lines_of
