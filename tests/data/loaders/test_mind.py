import pytest


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
