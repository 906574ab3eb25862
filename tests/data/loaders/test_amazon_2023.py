import json

import pytest


def test_amazon_2023(amazon, load, dropped):
    report, events, items, _, _ = load("amazon-2023", amazon)
    assert dropped(report, "All_Beauty.jsonl.gz") == {
        "expected a JSON object": [6],
        "rating must be a number": [4],
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
