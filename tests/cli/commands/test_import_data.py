"""From published files to recommendations, without a line of code."""

import json
from typing import get_args

import polars as pl
import pytest

from mmrec.cli.commands.import_data import Layout
from mmrec.data.loaders import LAYOUTS

QUICK = ["--modalities", "id", "--epochs", "1", "--dim", "8", "--negatives", "full"]
QUICK += ["--refit", "none", "--devices", "1", "--batch-size", "8", "--max-length", "6"]


@pytest.fixture
def ml_1m(tmp_path):
    """Ratings in the layout of ml-1m: each user rates a chain of movies."""
    source = tmp_path / "ml-1m"
    source.mkdir()
    ratings = [
        f"{user}::{1 + (user + step) % 12}::4::{978300000 + 40 * step + user}"
        for user in range(1, 21)
        for step in range(10)
    ]
    (source / "ratings.dat").write_text("\n".join([*ratings, ratings[0], "1::2"]))
    movies = [f"{movie}::Movie {movie} (2001)::Drama" for movie in range(1, 13)]
    (source / "movies.dat").write_text("\n".join(movies))
    (source / "users.dat").write_text("\n".join(f"{u}::F::25::4::1" for u in range(1, 21)))
    return source


@pytest.fixture
def amazon(tmp_path):
    """The same chain as reviews in the layout of Amazon 2023."""
    source = tmp_path / "amazon"
    source.mkdir()
    reviews = [
        {
            "user_id": f"A{user}",
            "parent_asin": f"B{(user + step) % 12}",
            "rating": 5.0,
            "timestamp": 1588615855070 + 40000 * step + user,
            "title": "x",
            "text": "y",
        }
        for user in range(20)
        for step in range(10)
    ]
    (source / "Books.jsonl").write_text("\n".join(map(json.dumps, reviews)))
    meta = [{"parent_asin": f"B{item}", "title": f"Book {item}"} for item in range(12)]
    (source / "meta_Books.jsonl").write_text("\n".join(map(json.dumps, meta)))
    return source


def test_the_command_knows_every_layout():
    assert get_args(Layout) == tuple(LAYOUTS)


def chain():
    """User, item, step and day of 20 users who each follow a chain of 12 items."""
    return [(u, 1 + (u + step) % 12, step, 1 + step) for u in range(1, 21) for step in range(10)]


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows) + "\n")


def publish_ml_32m(folder):
    rows = [f"{u},{i},4.0,{944249077 + 40 * step + u}" for u, i, step, _ in chain()]
    write(folder / "ratings.csv", ["userId,movieId,rating,timestamp", *rows])
    write(
        folder / "movies.csv", ["movieId,title,genres", *(f"{i},M{i},Drama" for i in range(1, 13))]
    )


def publish_mind(folder):
    day = folder / "MINDsmall_train"
    write(day / "news.tsv", [f"N{i}\tnews\tworld\tTitle {i}\tA\tu\t[]\t[]" for i in range(1, 13)])
    rows = [
        f"{n}\tU{u}\t11/{d}/2019 9:0{step}:00 AM\t\tN{i}-1 N{1 + (i + 5) % 12}-0"
        for n, (u, i, step, d) in enumerate(chain(), 1)
    ]
    write(day / "behaviors.tsv", rows)


def publish_microlens(folder):
    rows = [f"{u},{i},{1583378629552 + 40000 * step + u}" for u, i, step, _ in chain()]
    write(folder / "MicroLens-50k_pairs.csv", ["user,item,timestamp", *rows])
    write(folder / "MicroLens-50k_titles.csv", ["item,title", *(f"{i},T{i}" for i in range(1, 13))])


def publish_hm(folder):
    rows = [f"2018-09-{d:02},c{u},{i:010},0.05,2" for u, i, _, d in chain()]
    head = "t_dat,customer_id,article_id,price,sales_channel_id"
    write(folder / "transactions_train.csv", [head, *rows])
    articles = [f"{i:010},{i},Name {i},Vest,Text {i}" for i in range(1, 13)]
    head = "article_id,product_code,prod_name,product_type_name,detail_desc"
    write(folder / "articles.csv", [head, *articles])
    head = "customer_id,FN,Active,club_member_status,fashion_news_frequency,age,postal_code"
    write(folder / "customers.csv", [head, *(f"c{u},,,ACTIVE,NONE,49.0,x" for u in range(1, 21))])


def publish_yelp(folder):
    name = "yelp_academic_dataset_{}.json"
    reviews = [
        {
            "review_id": f"r{n}",
            "user_id": f"u{u}",
            "business_id": f"b{i}",
            "stars": 4.0,
            "text": "Fine.",
            "date": f"2018-07-{d:02} 22:09:11",
        }
        for n, (u, i, _, d) in enumerate(chain())
    ]
    write(folder / name.format("review"), reviews)
    places = [{"business_id": f"b{i}", "name": f"B{i}"} for i in range(1, 13)]
    write(folder / name.format("business"), places)
    write(folder / name.format("user"), [{"user_id": f"u{u}"} for u in range(1, 21)])
    write(folder / name.format("tip"), [])


def publish_jsonl(folder):
    events = [
        {"user_id": f"u{u}", "item_id": f"i{i}", "timestamp": 1e9 + 40 * step + u}
        for u, i, step, _ in chain()
    ]
    write(folder / "events.jsonl", events)
    write(folder / "items.jsonl", [{"item_id": f"i{i}", "title": f"T{i}"} for i in range(1, 13)])


PUBLISHED = {
    "ml-32m": publish_ml_32m,
    "mind": publish_mind,
    "microlens": publish_microlens,
    "hm": publish_hm,
    "yelp": publish_yelp,
    "jsonl": publish_jsonl,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_from_published_files_to_lists(command, layout, request, tmp_path):
    if layout in PUBLISHED:
        source = tmp_path / "source"
        PUBLISHED[layout](source)
    else:
        source = request.getfixturevalue({"ml-1m": "ml_1m", "amazon-2023": "amazon"}[layout])
    data, run = tmp_path / "data", tmp_path / "run"
    status, out, err = command("import", layout, source, data, "--json")
    assert status == 0, err
    said = json.loads(out.splitlines()[-1])
    # Each news of MIND comes with one that was shown and not clicked.
    assert said["totals"]["events"] == (400 if layout == "mind" else 200)
    assert said["totals"]["items"] == 12
    how = ["--split", "leave-one-out"]
    status, out, err = command("fit", data, "--out", run, *QUICK, *how, "--json")
    assert status == 0, err
    assert json.loads(out.splitlines()[-1])["candidates"] == 12
    user = pl.read_parquet(data / "interactions.parquet")["user_id"][0]
    status, out, err = command("recommend", run, "--user", user, "-k", 2, "--json")
    assert status == 0, err
    assert len(json.loads(out.splitlines()[-1])["recommendations"]) == 2


def test_dropped_lines_are_printed_and_strict_refuses(command, ml_1m, tmp_path):
    status, out, _ = command("import", "ml-1m", ml_1m, tmp_path / "data")
    assert status == 0
    assert "1 line: expected 4 fields (line 202)" in out
    assert "1 line: duplicate (line 201)" in out
    status, _, err = command("import", "ml-1m", ml_1m, tmp_path / "strict", "--strict")
    assert (status, err) == (2, f"mmrec: {ml_1m / 'ratings.dat'}, line 202: expected 4 fields\n")
    assert not (tmp_path / "strict").exists()


def test_one_sentence_for_missing_files(command, ml_1m, tmp_path):
    (ml_1m / "movies.dat").unlink()
    (ml_1m / "users.dat").unlink()
    status, _, err = command("import", "ml-1m", ml_1m, tmp_path / "data")
    assert (status, err) == (
        2,
        f"mmrec: {ml_1m} lacks movies.dat, users.dat of the layout ml-1m; it holds ratings.dat\n",
    )


def test_fetch_images(command, tmp_path):
    items = {"item_id": ["a"], "image_urls": [["ftp://x/y.jpg"]]}
    pl.DataFrame(items).write_parquet(tmp_path / "items.parquet")
    status, out, err = command("fetch-images", tmp_path, "--json")
    assert (status, err) == (0, "")
    assert "1 not http or https" in out
    counts = {"URLs": 1, "there already": 0, "not http or https": 1}
    assert json.loads(out.splitlines()[-1]) == counts
    status, _, err = command("fetch-images", tmp_path, "--column", "cover")
    assert status == 2
    assert err.startswith("mmrec: items must have the columns ['cover']; got ")
