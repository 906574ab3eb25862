def test_hm_keeps_equal_rows(hm, load, tmp_path, dropped):
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
