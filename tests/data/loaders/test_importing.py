import json
import os

import polars as pl
import pytest

from mmrec.data import read_folder
from mmrec.data.loaders import LAYOUTS, import_folder

FIXTURES = {
    "ml-1m": "ml_1m",
    "ml-32m": "ml_32m",
    "amazon-2023": "amazon",
    "mind": "mind",
    "microlens": "microlens",
    "hm": "hm",
    "yelp": "yelp",
    "jsonl": "named",
}


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


def dropped(report, name):
    """Line numbers by reason."""
    file = next(file for file in report.files if file.path.name == name)
    assert all(entry.count == len(entry.lines) for entry in file.dropped.values())
    return {why: entry.lines for why, entry in file.dropped.items()}


def test_every_layout_is_tested():
    assert set(FIXTURES) == set(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_result_is_a_folder_that_is_read(layout, request, load, tmp_path):
    report, events, items, _, dataset = load(layout, request.getfixturevalue(FIXTURES[layout]))
    assert len(dataset.interactions) == len(events) == report.totals["events"]
    assert len(dataset.catalog) == len(items) == report.totals["items"]
    assert not [name for name in events.columns + items.columns if name.startswith("__")]
    assert json.loads((tmp_path / "data" / "import.json").read_text()) == report.to_dict()
    assert {path.name for path in (tmp_path / "data").iterdir()} <= {
        *("interactions.parquet", "items.parquet", "users.parquet", "import.json", "images")
    }
    assert not list(tmp_path.glob(".data*"))
    if os.name == "posix":
        assert (tmp_path / "data" / "interactions.parquet").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_strict_refuses_and_writes_nothing(layout, request, load, tmp_path):
    source = request.getfixturevalue(FIXTURES[layout])
    with pytest.raises(ValueError, match=r"line \d+: "):
        load(layout, source, strict=True)
    assert not (tmp_path / "data").exists()
    assert not list(tmp_path.glob(".data*"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_missing_files_are_all_named(layout, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "photos.zip").touch()
    with pytest.raises(FileNotFoundError, match=r"lacks .* it holds photos\.zip"):
        import_folder(layout, tmp_path / "empty", tmp_path / "data")
    with pytest.raises(FileNotFoundError, match="no folder of a data set"):
        import_folder(layout, tmp_path / "nowhere", tmp_path / "data")


def test_ml_1m(ml_1m, load):
    report, events, items, users, _ = load("ml-1m", ml_1m)
    assert dropped(report, "ratings.dat") == {
        "expected 4 fields": [38],
        "rating must be a number": [37],
        "duplicate": [39],
        "no item_id": [40],
    }
    assert dropped(report, "movies.dat") == {
        "expected 3 fields": [10],
        "duplicate": [8],
        "item_id again": [9],
    }
    assert dropped(report, "users.dat") == {"expected 5 fields": [10], "duplicate": [9]}
    assert report.unread == ["README"]
    assert report.notes == {
        "items without a row of their own, added with their id alone": 1,
        "items without events": 1,
    }
    assert events.row(0, named=True) == {
        "user_id": 1,
        "item_id": 1,
        "rating": 3.0,
        "timestamp": 978300061.0,
        "event": "rating",
    }
    assert len(events) == 37
    assert items["title"].to_list() == [*(f"Amélie {i} (2001)" for i in range(1, 8)), None]
    assert items["item_id"].to_list() == [1, 2, 3, 4, 5, 6, 7, 99]
    assert users.row(0) == (1, "F", 25, 4, "55111")


def test_ml_32m(ml_32m, load):
    report, events, items, users, _ = load("ml-32m", ml_32m)
    assert dropped(report, "ratings.csv") == {
        "expected 4 fields": [6],
        "rating must be a number": [5],
        "duplicate": [7],
    }
    assert dropped(report, "tags.csv") == {"expected 4 fields": [3]}
    assert events.filter(event="rating")["rating"].to_list() == [4.5, 3.0, 1.0]
    assert events.filter(event="tag")["tag"].to_list() == ["dark, slow", None, "fun"]
    assert items.rows() == [
        (10, "Postino, Il (1994)", "Drama", "0110877", "11010"),
        (11, 'The "Big" One (1997)', None, "0124295", None),
    ]
    assert users is None


def test_amazon_2023(amazon, load):
    report, events, items, _, _ = load("amazon-2023", amazon)
    assert dropped(report, "All_Beauty.jsonl.gz") == {
        "expected a JSON object": [6],
        "rating must be Float64": [4],
        "no user_id": [5],
        "duplicate": [3],
    }
    assert dropped(report, "meta_All_Beauty.jsonl.gz") == {
        "expected a JSON object": [5],
        "no item_id": [4],
        "duplicate": [3],
        "item_id again": [6],
    }
    assert events.row(0, named=True) == {
        "user_id": "AE1",
        "item_id": "B00",
        "timestamp": 1588615855.07,
        "rating": 5.0,
        "review_title": "Good",
        "review_text": "It works.\nTwice.",
        "review_image_urls": ["https://x/l.jpg"],
        "asin": "B01",
        "helpful_vote": 1,
        "verified_purchase": True,
        "other": None,
        "event": "review",
    }
    assert events["other"].to_list() == [None, None, '{"vine": true}']
    first = items.row(0, named=True)
    assert first["image_urls"] == ["https://x/H.jpg", "https://x/L2.jpg"]
    assert first["image_variants"] == ["MAIN", "PT01"]
    assert (first["price"], first["price_text"]) == (12.5, None)
    assert (first["categories"], first["description"]) == ("Beauty|Tools", ["A brush.", "Or two."])
    assert json.loads(first["details"]) == {"Brand": "X", "Size": "3"}
    assert items.select("item_id", "price", "price_text").rows()[1:] == [
        ("B02", None, "from 14.99"),
        ("B99", None, None),
    ]


def test_amazon_2023_names_the_file_of_each_category_that_is_missing(amazon, load):
    (amazon / "meta_All_Beauty.jsonl.gz").rename(amazon / "meta_Books.jsonl.gz")
    with pytest.raises(FileNotFoundError, match=r"lacks meta_All_Beauty.jsonl, Books.jsonl"):
        load("amazon-2023", amazon)


def test_mind(mind, load):
    report, events, items, _, dataset = load("mind", mind)
    train = next(f for f in report.files if f.path.parent.name == "MINDsmall_train")
    assert {why: entry.lines for why, entry in train.dropped.items()} == {
        "expected 5 fields": [8],
        "expected impressions such as N1-1 N2-0": [5],
        "expected a time such as 11/15/2019 9:05:58 AM": [6],
        "no user_id": [7],
        "duplicate": [4],
    }
    history = events.filter("from_history")
    # 2019-11-10 23:00 UTC, which is the first impression of the user and the second row.
    assert history["timestamp"].to_list() == [1573426800.0] * 2
    assert history["item_id"].to_list() == ["N1", "N2"]
    assert history["event"].to_list() == ["click"] * 2
    assert events.filter(impression_id="1", part="train")["event"].to_list() == [
        "click",
        "impression",
    ]
    of_user = dataset.interactions.frame.filter(user_id="U1")["item_id"].to_list()
    assert of_user == ["N1", "N2", "N5", "N1", "N3", "N4", "N6", "N9"]
    assert report.unread == ["MINDsmall_test/", "MINDsmall_train/entity_embedding.vec"]
    assert events["part"].unique().sort().to_list() == ["dev", "train"]
    assert (
        "impressions with another history than the first of their user, history not kept"
        in report.notes
    )
    assert items["item_id"].to_list() == ["N1", "N2", "N3", "N4", "N5", "N6", "N9"]
    assert items["title"][0] == 'Title "1"'


def test_mind_reads_one_part_in_the_folder_itself(mind, load):
    _, events, *_ = load("mind", mind / "MINDsmall_dev")
    assert events["part"].unique().to_list() == ["dev"]


def test_mind_without_impressions_is_refused(mind, load):
    for path in mind.glob("*/behaviors.tsv"):
        path.write_text("")
    with pytest.raises(ValueError, match=r"expected impressions in .*; got empty files"):
        load("mind", mind)


def test_microlens(microlens, load, tmp_path):
    report, events, items, _, dataset = load("microlens", microlens)
    assert dropped(report, "MicroLens-50k_pairs.csv") == {
        "expected 3 fields": [39],
        "timestamp must be a number": [41],
        "duplicate": [38],
        "no item_id": [40],
    }
    assert dropped(report, "MicroLens-50k_titles.csv") == {
        "expected 2 fields": [6],
        "duplicate": [8],
    }
    assert events["timestamp"][0] == 1583378640.552
    assert items["title"].to_list() == [
        "A cat, asleep",
        '5" screen',
        "Two\nlines",
        "Five",
        "Six",
        None,
    ]
    assert items["likes"].to_list() == [14, None, None, None, None, None]
    assert items["image"].to_list() == ["1.jpg", "2.jpg", None, None, None, None]
    assert (tmp_path / "data" / "images").is_symlink()
    assert dataset.catalog.image_path(1).is_file()


def test_microlens_without_times_has_positions(microlens, load):
    (microlens / "MicroLens-50k_pairs.csv").unlink()
    (microlens / "MicroLens-50k_pairs.tsv").write_text("1\t3 1 2\n2\t5 x\n3\t6\n")
    report, events, *_ = load("microlens", microlens)
    assert events.select("user_id", "item_id", "position").rows() == [
        (1, 3, 0.0),
        (1, 1, 1.0),
        (1, 2, 2.0),
        (3, 6, 0.0),
    ]
    assert dropped(report, "MicroLens-50k_pairs.tsv") == {
        "expected item ids separated by spaces": [2]
    }


def test_hm_keeps_equal_rows(hm, load, tmp_path):
    report, events, items, users, dataset = load("hm", hm, copy_images=True)
    assert dropped(report, "transactions_train.csv") == {
        "expected 5 fields": [7],
        "no timestamp": [5],
        "no user_id": [6],
    }
    assert events["item_id"].to_list() == ["0663713001", "0663713001", "0541518023"]
    assert events["timestamp"][0] == 1537401600.0
    assert report.notes["events equal to another, kept"] == 1
    assert items.select("item_id", "title", "category", "description", "image").rows() == [
        (
            "0663713001",
            "Atlanta Push Body",
            "Underwear body",
            "Lace push-up body, wired.",
            "066/0663713001.jpg",
        ),
        ("0108775015", "Strap top", "Vest top", None, None),
        ("0541518023", None, None, None, None),
    ]
    assert users.select("user_id", "age", "fn", "active").rows() == [("000058a1", 49.0, 1.0, None)]
    assert not (tmp_path / "data" / "images").is_symlink()
    assert dataset.catalog.image_path("0663713001").is_file()


def test_yelp(yelp, load):
    report, events, items, users, _ = load("yelp", yelp)
    assert dropped(report, "yelp_academic_dataset_review.json") == {
        "expected a JSON object": [3],
        "no user_id": [5],
        "no timestamp": [4],
        "duplicate": [2],
    }
    assert events["event"].to_list() == ["review", "review", "tip"]
    assert events["rating"].to_list() == [3.0, 3.0, None]
    assert events["timestamp"].to_list() == [1531001351.0, 1531001351.0, 1337307441.0]
    assert items.row(0, named=True)["categories"] == "Pubs|Food"
    assert users["friends"].to_list() == [["u2", "u3"], []]
    assert report.unread == ["yelp_academic_dataset_checkin.json"]


def test_jsonl(named, load):
    report, events, items, users, _ = load("jsonl", named)
    assert dropped(report, "events.jsonl") == {
        "expected a JSON object": [7],
        "no item_id": [6],
        "no timestamp": [4],
        "timestamp is not from 0 to the year 2200": [5],
        "duplicate": [2],
    }
    assert events["timestamp"].to_list() == [5.0, 1714557600.0, 5.0]
    assert events["n"].to_list() == [1.0, 2.5, 1.0]
    assert events["where"].to_list() == [None, '{"a": 1}', None]
    assert items.rows() == [(7, "A lamp", ["x", "y"]), (9, None, None)]
    assert users.rows() == [("u", 30)]


def test_jsonl_reads_all_iso_forms(named, load):
    texts = [
        "2024-05-01",
        "2024-05-01 00:00",
        "2024-05-01T00:00:00.5Z",
        "2024-05-01T02:00+02:00",
        "2024-05-01T00:00:00+0000",
        "1714521600",
        "2024-05-41",
        "",
        "2024-05-01T00:00:00Zz",
    ]
    rows = [{"user_id": str(n), "item_id": 7, "timestamp": text} for n, text in enumerate(texts)]
    (named / "events.jsonl").write_text("\n".join(map(json.dumps, rows)))
    report, events, *_ = load("jsonl", named)
    assert events["timestamp"].to_list() == [1714521600.0] * 2 + [1714521600.5] + [1714521600.0] * 3
    assert dropped(report, "events.jsonl") == {"no timestamp": [7, 8, 9]}


def test_jsonl_ids_have_the_type_of_most_lines(named, load):
    rows = [{"user_id": user, "item_id": 7, "timestamp": 1} for user in ("a", 5, "b")]
    (named / "events.jsonl").write_text("\n".join(map(json.dumps, rows)))
    report, events, *_ = load("jsonl", named)
    assert events["user_id"].to_list() == ["a", "b"]
    assert dropped(report, "events.jsonl") == {"user_id must be String": [2]}
    (named / "items.jsonl").write_text('{"item_id": "7"}')
    with pytest.raises(ValueError, match="same type in events and items; got Int64 and String"):
        load("jsonl", named)


def test_an_earlier_result_is_replaced_and_anything_else_refused(named, load, tmp_path):
    load("jsonl", named)
    (tmp_path / "data" / "images").mkdir()
    (tmp_path / "data" / "images" / "a.jpg").write_bytes(b"fetched")
    load("jsonl", named)
    assert (tmp_path / "data" / "images" / "a.jpg").read_bytes() == b"fetched"
    (tmp_path / "data" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="something other than the result of an import"):
        load("jsonl", named)
    assert (tmp_path / "data" / "notes.txt").read_text() == "mine"
    with pytest.raises(FileExistsError, match="something other than the result of an import"):
        import_folder("jsonl", named, named)


def test_a_source_in_the_target_is_refused(named, load, tmp_path):
    load("jsonl", named)
    named.rename(tmp_path / "data" / "images")
    with pytest.raises(FileExistsError, match="lies in"):
        import_folder("jsonl", tmp_path / "data" / "images", tmp_path / "data")


def test_unknown_layout_and_no_event(named, tmp_path):
    with pytest.raises(ValueError, match=r"layout must be one of ml-1m, .*; got 'ml-2m'"):
        import_folder("ml-2m", named, tmp_path / "data")
    (named / "events.jsonl").write_text('{"user_id": null, "item_id": 1, "timestamp": 1}\n')
    with pytest.raises(ValueError, match="user_id"):
        import_folder("jsonl", named, tmp_path / "data")
