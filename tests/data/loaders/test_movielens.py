def test_ml_1m(ml_1m, load, dropped):
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


def test_ml_32m(ml_32m, load, dropped):
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
