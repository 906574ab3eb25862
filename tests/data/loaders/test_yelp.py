def test_yelp(yelp, load, dropped):
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
