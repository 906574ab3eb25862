def test_microlens(microlens, load, tmp_path, dropped):
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


def test_microlens_without_times_has_positions(microlens, load, dropped):
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
