import numpy as np
import pytest

from mmrec.data import read_impressions


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


def test_labeled_impressions_of_mind(mind, load):
    *_, data = load("mind", mind)
    made = read_impressions(data.interactions, data.catalog, part="part")
    ids = np.array(["", *data.catalog.ids])

    def items(values, firsts, ends):
        return [ids[values[a:b]].tolist() for a, b in zip(firsts, ends, strict=True)]

    assert made.part.tolist() == ["train", "train", "train", "dev"]
    shown = items(made.item, made.offsets[:-1], made.offsets[1:])
    assert shown == [["N5", "N1"], ["N3", "N4"], ["N3", "N4"], ["N6", "N9"]]
    assert made.clicked.tolist() == [False, True, True, False, False, True, True, False]
    # The published history, which has the time of the first impression, comes before it.
    past = items(made.events.item, made.start, made.stop)
    assert past == [["N1", "N2"], ["N1", "N2", "N1"], [], ["N1", "N2", "N1", "N3"]]
    dev = made.of_part("dev")
    assert dev.item.tolist() == made.item[-2:].tolist()
    assert dev.events is made.events
    with pytest.raises(ValueError, match=r"part must be one of \['dev', 'train'\]; got 'test'"):
        made.of_part("test")
