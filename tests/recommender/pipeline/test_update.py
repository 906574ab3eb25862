import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from mmrec.data import Catalog
from mmrec.recommender import Recommender
from mmrec.recommender.pipeline.scorers import scorer_at
from mmrec.recommender.pipeline.update import merged
from mmrec.trends import ItemEvents, Trend

ID_TABLE = "items.encoders.id.table.weight"


def later(items, users=30, steps=8, seed=1):
    """A log in which an item is followed by the one before it."""
    rng = np.random.default_rng(seed)
    walks = (rng.integers(len(items), size=(users, 1)) - np.arange(steps)) % len(items)
    return {
        "user_id": np.repeat([f"new{n}" for n in range(users)], steps),
        "item_id": [items[n] for n in walks.ravel()],
        "timestamp": np.arange(walks.size) * 10.0 + 1e6,
    }


def test_an_update_learns_new_users_and_items(by_id):
    known = by_id.catalog.ids[:10]
    items = [*known, "x", "y"]
    made = by_id.update(later(items), {"item_id": ["x", "y"]}, options={"epochs": 40})
    assert made.catalog.ids == [*by_id.catalog.ids, "x", "y"]
    assert len(by_id.catalog) == 30  # not changed
    old = by_id.state.slots > 0
    assert np.array_equal(made.state.slots[: len(by_id.state.slots)][old], by_id.state.slots[old])
    assert made.state.slots[-1] > by_id.state.slots.max()
    assert made.state.counts[:31].sum() > by_id.state.counts.sum()
    assert "x" in [line.item for line in made.recommend(["y"], k=3)]
    assert made.report["test"]["targets"] > 0


def test_an_update_of_negligible_learning_rate_changes_no_list(by_id):
    made = by_id.update(later(by_id.catalog.ids), options={"epochs": 1, "lr": 1e-9})
    before, after = by_id.model.state_dict(), made.model.state_dict()
    for name, value in before.items():
        assert torch.allclose(after[name], value, atol=1e-6), name


def test_saved_and_loaded(by_id, tmp_path):
    made = by_id.update(later(["x", *by_id.catalog.ids]), {"item_id": ["x"]}, options={"epochs": 1})
    made.save(tmp_path / "run")
    loaded = type(made).load(tmp_path / "run")
    history = ["x", by_id.catalog.ids[3]]
    assert loaded.recommend(history) == made.recommend(history)
    assert len(loaded.model.state_dict()[ID_TABLE]) == loaded.state.slots.max() + 1


def test_content_of_changed_items_is_read_again(by_content):
    frame = by_content.catalog.frame
    row = frame[0].with_columns(title=pl.lit("warm scarf for the winter"))
    log = later(by_content.catalog.ids)
    made = by_content.update(log, row, options={"epochs": 1, "lr": 1e-9})
    assert made.catalog.row(frame["item_id"][0])["title"] == "warm scarf for the winter"
    assert not torch.allclose(made.vectors[1], by_content.vectors[1], atol=1e-3)
    assert torch.allclose(made.vectors[2:], by_content.vectors[2:], atol=1e-4)


def test_a_folder_that_lacks_images_of_the_run(by_content, tmp_path):
    log = later(by_content.catalog.ids)
    with pytest.raises(ValueError, match="must also hold the images of the RUN's items; it lacks"):
        by_content.update(log, images=tmp_path)


def test_a_private_run_is_not_updated_without_privacy(by_content):
    options = by_content.options.replace(epsilon=8.0)
    private = Recommender(replace(by_content.state, options=options))
    with pytest.raises(ValueError, match="trained with privacy can't be updated"):
        private.update(later(by_content.catalog.ids))


def test_options_and_parts_that_an_update_must_keep(by_id):
    log = later(by_id.catalog.ids)
    with pytest.raises(ValueError, match=r"must keep \['dim'\] of the RUN"):
        by_id.update(log, options={"dim": 8})
    with pytest.raises(ValueError, match="not in the catalogue"):
        by_id.update(later([*by_id.catalog.ids, "z"]))
    with pytest.raises(ValueError, match=r"options must be among .*; got 'color'"):
        by_id.update(log, options={"color": "red"})
    with pytest.raises(
        ValueError, match=r"parts of the RUN but loss and negatives; got \['fusion'\]"
    ):
        by_id.update(log, fusion="concat")


@pytest.fixture
def pictured(images):
    """A catalogue of three items with images."""
    items = {"item_id": [*"abc"], "image": [path.name for path in images[:3]]}
    return Catalog(items, images[0].parent)


def test_an_item_that_loses_its_image_is_said(pictured, caplog):
    rows = {"item_id": [*"abd"], "image": ["", None, ""], "title": ["A", "B", "D"]}
    old = Catalog(pictured.frame.with_columns(title=pl.lit("x")), pictured.images)
    made = merged(old, rows, None)
    assert caplog.messages == [
        "2 items of the RUN have an image and have none after the update, first 'a': the new rows "
        "name none; write the names of the images there to keep them"
    ]
    assert [path is None for path in made.image_paths()] == [True, True, False, True]
    caplog.clear()
    merged(old, {"item_id": ["a"], "image": ["later.png"]}, None)  # said when content is read
    merged(old, {"item_id": ["a"], "title": ["A"]}, None)
    merged(old, {"item_id": ["a"], "image": [pictured.row("b")["image"]]}, None)
    assert caplog.messages == []


def test_an_image_that_was_added_live_must_be_in_the_new_folder(pictured, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        shutil.copytree(pictured.images, folder)
    (old / "added").mkdir()
    shutil.copy(old / pictured.row("a")["image"], old / "added" / "live.png")
    names = [*pictured.frame["image"][:2], "added/live.png"]
    catalog = Catalog({"item_id": [*"abc"], "image": names}, old)
    with pytest.raises(ValueError, match=r"lacks 1, first .*added/live.png: copy them from .*old;"):
        merged(catalog, None, new)
    # Rows that name another image of the new folder need the old one no more.
    rows = {"item_id": ["c"], "image": [names[0]]}
    assert merged(catalog, rows, new).image_path("c").name == names[0]
    shutil.copytree(old / "added", new / "added")
    assert merged(catalog, None, new).image_path("c").is_file()


def test_the_recommender_before_is_measured_on_the_same_events(by_id):
    known = by_id.catalog.ids
    log = later(known)
    made = by_id.update(log, options={"epochs": 1, "lr": 1e-9, "refit": "none"})
    alone = by_id.evaluate(log)["test"]
    names = ("ndcg@10", "hr@10", "mrr@10", "coverage@10")
    assert made.report["before"] == {name: alone[name] for name in names}
    assert "RUN before the update" in str(made.report)
    assert "before" not in by_id.report


def test_items_that_are_new_to_it_are_ranked_by_the_recommender_before(by_id, caplog):
    items = [*by_id.catalog.ids[:10], "x", "y"]
    made = by_id.update(
        later(items), {"item_id": ["x", "y"]}, options={"epochs": 1, "refit": "none"}
    )
    assert 0 < made.report["before"]["hr@10"] < 1
    assert not [text for text in caplog.messages if "mean nothing" in text]


def test_before_new_items_without_a_date_exist_from_their_first_event(by_id, monkeypatch):
    given = []
    monkeypatch.setattr(
        "mmrec.recommender.pipeline.update.scorer_at",
        lambda state, split, part: given.append(state) or scorer_at(state, split, part),
    )
    trend = Trend.of(
        ItemEvents(np.zeros(0, dtype=int), np.zeros(0)),
        np.zeros(31),
        half_life=3600.0,
        pseudo_count=1.0,
        created=np.full(31, np.nan),
    )
    old = Recommender(replace(by_id.state, trend=trend))
    items = [*by_id.catalog.ids[:10], "x"]
    old.update(later(items), {"item_id": ["x"]}, options={"epochs": 1, "refit": "none"})
    assert np.isnan(given[0].trend.created[-1])


def test_times_of_an_update_are_in_the_unit_and_form_of_those_that_stay():
    held = Catalog({"item_id": ["a", "b"], "created_at": ["1.7e9", "1.7e9"]})
    for item, wrong in (("a", "2026-12-01"), ("new", "1.7e12"), ("new", "soon")):
        with pytest.raises(ValueError, match=f"time as in the catalogue, .*got '{wrong}'"):
            merged(held, {"item_id": [item], "created_at": [wrong]}, None)
    assert merged(held, {"item_id": ["a"], "created_at": ["1.6e9"]}, None).row("a")
    # A catalogue whose times are all written anew may have another form.
    dates = {"item_id": ["b", "a", "c"], "created_at": ["2026-12-01"] * 3}
    assert merged(held, dates, None).frame["created_at"].to_list() == ["2026-12-01"] * 3
