"""Numbers beside the learned vector find items that nobody has interacted with."""

import numpy as np
import pytest
import torch

from mmrec import Options, Recommender
from mmrec.export.tower import tower_part
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender.pipeline.affinity import weights_of

ERAS, OLD, NEW = 10, 9, 3
YEARS = {
    f"{kind}{era}_{n}": 1900 + 10 * era
    for era in range(ERAS)
    for kind, count in (("old", OLD), ("new", NEW))
    for n in range(count)
}
ITEMS = {"item_id": list(YEARS), "year": list(YEARS.values())}


def eras():
    """Events of users who stay in one era; in the second half of the time it has new items too."""
    rng, rows = np.random.default_rng(0), []
    for user in range(120):
        era, start = user % ERAS, rng.random() * 1e5
        old = [f"old{era}_{n}" for n in rng.permutation(OLD)[:8]]
        new = [f"new{era}_{n}" for n in rng.permutation(NEW)[:2]]
        for step, item in enumerate(old + new):
            rows.append((f"u{user}", item, start + step + 1e6 * item.startswith("new")))
    names = ("user_id", "item_id", "timestamp")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def fitted(**changes):
    small = {"modalities": ("id", "side:year"), "dim": 8, "epochs": 1, "lr": 1e-3, "refit": "none"}
    return Recommender.fit(eras(), ITEMS, options=Options(**(small | changes)))


@pytest.fixture(scope="module")
def made():
    return fitted()


@pytest.fixture(scope="module")
def without():
    return fitted(modalities=("id",))


def test_new_items_of_the_right_year_are_found(made, without):
    assert made.report["fingerprint"] == without.report["fingerprint"]
    assert "side:year" in " ".join(made.report["affinities"]["weights"])
    assert made.report["test"]["cold"]["hr@10"] > without.report["test"]["cold"]["hr@10"] + 0.3


def test_the_learned_vector_does_not_read_them(made, without):
    items = made.state.model.items
    torch.testing.assert_close(made.state.vectors[:, :8], without.state.vectors[:, :8])
    assert items.beside == ["side:year"]
    width = 8  # of the learned vector
    vectors, side = made.state.vectors, made.state.modality_contributions["side:year"]
    assert vectors.shape[1] > width
    assert not side[:, :width].any()
    assert side[1:, width:].any(1).all()


def test_an_item_that_is_added_is_found_by_its_year(made, tmp_path):
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    history = ["old7_0", "old7_1", "old7_2"]
    assert again.recommend(history, k=5, at=2e6) == made.recommend(history, k=5, at=2e6)
    again.add_items({"item_id": ["late", "far"], "year": [1970, 1910]})
    ranked = [one.item for one in again.recommend(history, k=len(YEARS), at=2e6)]
    assert ranked.index("late") < 10 < ranked.index("far")


def test_another_year_of_an_item_moves_it(made):
    live = RealtimeRecommender(made)
    history = ["old7_0", "old7_1", "old7_2"]

    def place():
        return [one.item for one in live.recommend(history=history, k=len(YEARS))].index("new1_0")

    far = place()
    live.update_items({"item_id": ["new1_0"], "year": [1970]})
    assert place() < 10 < far


def test_without_affinities_they_are_said_to_have_no_effect(caplog):
    made = fitted(affinities=False, epochs=1)
    assert made.state.vectors.shape[1] == 8
    assert "modality side:year has no effect: affinities are not used" in caplog.text


def test_weights_survive_a_refit(made):
    again = fitted(refit="valid")
    assert again.report["affinities"]["weights"] == made.report["affinities"]["weights"]
    assert weights_of(again.state) == weights_of(made.state)


def test_the_tower_is_exported_with_them(made):
    items = made.state.model.items
    part = tower_part(items)
    assert [port.name for port in part.inputs] == ["id", "side:year", "side:year_present"]
    source = made.state.modalities["side:year"].modality.source_of(
        made.state.catalog,
        items.encoders["side:year"],
        made.state.modalities["side:year"].facts,
        np.zeros(1),
    )[0]
    rows = torch.arange(1, len(YEARS) + 1)
    slots = torch.from_numpy(made.state.slots)[rows]
    with torch.no_grad():
        found = part(slots, source.load(rows.numpy()), torch.ones(len(rows)).bool())
    torch.testing.assert_close(found, made.state.vectors[1:])


def test_a_fusion_needs_a_modality_of_its_own():
    with pytest.raises(ValueError, match="modalit"):
        fitted(modalities=("side:year",))


def test_what_validation_does_not_take_is_nothing_that_items_lack():
    rng = np.random.default_rng(0)
    items = ITEMS | {"price": rng.random(len(YEARS)).tolist()}
    modalities = ("id", "side:year", "side:price")
    options = Options(modalities=modalities, dim=8, epochs=1, lr=1e-3, refit="none")
    made = Recommender.fit(eras(), items, options=options)
    assert "side:price" not in " ".join(weights_of(made.state))
    assert list(made.state.modality_contributions) == ["id", "side:year"]
    live = RealtimeRecommender(made)
    whole = live.add_items({"item_id": ["a"], "year": [1990], "price": [1]})
    assert live.without_content(whole) is None
    lacking = live.add_items({"item_id": ["b"], "price": [1]})
    assert live.without_content(lacking) == (
        "1 of 1 item has no side:year; 1 of 1 item has nothing that the model reads: no list has "
        "it before an event or content"
    )
