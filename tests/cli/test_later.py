import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from mmrec import Recommender
from mmrec.cli.later import log_of_run, measured_part, read_later, warn_of_earlier
from mmrec.data import Catalog, Dataset, Interactions


@pytest.fixture
def copied(by_content):
    """The recommender of content, which a test may change."""
    return Recommender(by_content.state)


def dataset(items, wanted, images=None):
    events = {"user_id": ["u"] * len(wanted), "item_id": wanted, "position": range(len(wanted))}
    return Dataset(Interactions(events), Catalog(items, images))


def test_a_log_of_known_items_adds_none(copied):
    state = copied.state
    data = dataset({"item_id": [*state.catalog.ids[:3], "not asked for"]}, state.catalog.ids[:2])
    assert log_of_run(data, copied, Path("later")) is data.interactions
    assert copied.state is state


def test_items_that_the_run_lacks_are_added_by_their_content(copied, tmp_path, images, caplog):
    (tmp_path / "images").mkdir()
    Image.open(images[3]).transpose(Image.Transpose.ROTATE_180).save(tmp_path / "images" / "x.png")
    known, columns = copied.catalog.ids, ["item_id", "title", "image"]
    items = {"item_id": [known[0], "x", "y"], "title": ["changed", "red hat", "blue lamp"]}
    items |= {"image": [None, "x.png", None], "shelf": [1, 2, 3]}
    data = dataset(items, [known[0], "x", "x"], tmp_path / "images")
    before = copied.vectors
    with caplog.at_level(logging.INFO):
        log = log_of_run(data, copied, Path("later"))
    assert log is data.interactions
    assert copied.catalog.ids == [*known, "x", "y"]
    assert "shelf" not in copied.catalog.columns
    assert copied.catalog.row(known[0])["title"] != "changed"
    new = Catalog(data.catalog.frame.select(columns)[1:], tmp_path / "images")
    vectors, _ = copied.state.encode(new)
    torch.testing.assert_close(copied.vectors, torch.cat([before, vectors]))
    assert copied.state.modality_contributions["image"][-2].any()
    assert copied.state.counts[-2:].tolist() == [0, 0]
    [said] = [line for line in caplog.messages if "later" in line]
    assert said == (
        "2 items of later that the RUN lacks are added by content for this command: lists may have "
        "them, and they count as cold; 2 events of later are of them"
    )


def test_ids_in_doubt_are_refused(by_id):
    catalog = Catalog({"item_id": ["7", "8"]})
    made = Recommender(replace(by_id.state, catalog=catalog))
    said = r"1 event of later is of 1 item that is not in the catalogue of the RUN \(2 items\), "
    with pytest.raises(ValueError, match=said + r"first \['007'\]; '007' may be '7'"):
        log_of_run(dataset({"item_id": ["007"]}, ["007"]), made, Path("later"))


@pytest.fixture
def later(by_id, tmp_path, monkeypatch):
    """A RUN, and a folder of later events, two of ten on an item that it lacks."""
    monkeypatch.chdir(tmp_path)
    by_id.save("RUN")
    folder = tmp_path / "later"
    folder.mkdir()
    items, start = [*by_id.catalog.ids[:4], "x"], 2_000_000_000
    walk = {"user_id": np.repeat([*"uv"], 5), "item_id": items * 2, "timestamp": range(10)}
    walk["timestamp"] = [start + 60 * n for n in range(10)]
    pl.DataFrame(walk).write_csv(folder / "interactions.csv")
    pl.DataFrame({"item_id": items}).write_csv(folder / "items.csv")
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate",),
        ("degrade", "--shares", "0"),
        ("recommend", "--all-users", "--out", "lists.csv", "-k", "31"),
        ("recommend", "--user", "u"),
    ],
)
def test_commands_read_events_of_items_that_the_run_lacks(command, later, arguments):
    name, *more = arguments
    status, out, errors = command(name, "RUN", "--data", later, *more, "--json")
    assert status == 0, errors
    assert f"1 item of {later} that the RUN lacks is added by content for this command" in errors
    found = json.loads(out.splitlines()[-1])
    if name == "evaluate":
        assert found["candidates"] == 31
        assert (found["test"]["targets"], found["test"]["cold"]["targets"]) == (1, 1)
    if "--user" in more:
        assert found["history"][-1] == "x"
    assert "x" not in Recommender.load("RUN").catalog


def test_a_folder_that_lacks_an_item_is_refused(command, later):
    pl.read_csv(later / "items.csv").head(4).write_csv(later / "items.csv")
    status, _, errors = command("evaluate", "RUN", "--data", later)
    assert status == 2
    assert "refer to 1 item that is not in the catalogue, first ['x']" in errors


def test_evaluate_says_which_part_of_a_later_log_it_measures(command, later):
    _, out, _ = command("evaluate", "RUN", "--data", later)
    assert (
        "note: 1 of 10 events is measured, those from 2033-05-18T03:42:20Z on, and 1 of them is a "
        "target: the log is split as for training, so the events before are history and what "
        "baselines are fitted to; a history has no events of the training" in out
    )


def test_the_part_of_a_log_that_is_left_out_one_by_one():
    log = Interactions({"user_id": [*"uuvv"], "item_id": [*"abab"], "position": [0, 1, 0, 1]})
    report = {"split": "leave-one-out", "split_options": {}, "test": {"targets": 2}}
    assert measured_part(report, log) == (
        "2 of 4 events are measured, the last target of each user: the log is split as for training"
    )


def test_times_of_later_items_are_in_the_unit_of_the_run(copied):
    frame = copied.catalog.frame.with_columns(created_at=pl.lit(1.7e9))
    made = Recommender(replace(copied.state, catalog=Catalog(frame)))
    data = dataset({"item_id": ["x"], "title": ["hat"], "created_at": [1.7e12]}, ["x"])
    with pytest.raises(ValueError, match="created_at must be a time as in the catalogue"):
        log_of_run(data, made, Path("later"))
    assert "x" not in made.catalog


@pytest.mark.parametrize("folder", [True, False])
def test_a_later_folder_without_images_has_those_of_the_run(by_content, tmp_path, caplog, folder):
    rows = by_content.catalog.frame
    ids, named = rows["item_id"].to_list(), rows["image"].is_not_null().sum()
    events = {"user_id": ["u"] * len(ids), "item_id": ids, "position": range(len(ids))}
    pl.DataFrame(events).write_csv(tmp_path / "interactions.csv")
    rows.write_parquet(tmp_path / "items.parquet")
    if folder:
        (tmp_path / "images").mkdir()
    with caplog.at_level(logging.INFO):
        found = read_later(tmp_path, by_content.catalog, {})
    own = by_content.catalog.images
    assert found.catalog.images == (tmp_path / "images" if folder else own)
    assert "not a folder" not in caplog.text
    said = f"{named} items name an image, and {tmp_path} has no folder images: those of the RUN"
    assert (said in caplog.text) == (not folder)


@pytest.mark.parametrize(
    ("times", "lacking"),
    [
        ([5, 6, 7, 8], True),  # later events alone
        ([1, 2, 3, 4, 5, 6, 7, 8], False),  # all events, of 4 of which the update is
        ([4, 5, 6, 7, 8], True),  # one of the earlier events came late
    ],
)
def test_histories_without_earlier_events_are_said(by_content, caplog, times, lacking):
    """The RUN has trained on 4 events up to time 4, and on those after it."""
    counts = torch.zeros_like(by_content.state.counts)
    counts[1] = 8
    about = {"trained_on": {"until": 8.0, "before": 4.0}}
    report = {"before": {"ndcg@10": 0.1}}
    updated = replace(by_content.state, counts=counts, about=about, report=report)
    log = {"user_id": ["u"] * len(times), "item_id": ["a"] * len(times), "timestamp": times}
    warn_of_earlier(Interactions(log), updated, Path("later"))
    assert any("users and events of earlier trainings" in one for one in caplog.messages) == lacking
    caplog.clear()
    warn_of_earlier(Interactions(log), by_content.state, Path("later"))
    assert caplog.messages == []
