import numpy as np
import polars as pl
import pytest
import torch

from mmrec import Options, Recommender
from mmrec.affinities import content_columns, score_parts
from mmrec.data import Histories, Interactions
from mmrec.recommender.degradation import without
from mmrec.recommender.pipeline.data import split_log


@pytest.fixture(scope="module")
def made():
    """Items of topics that their vectors show; each user stays in a topic."""
    rng = np.random.default_rng(0)
    topic = np.arange(80) % 4
    rows = []
    for user in range(120):
        own = np.flatnonzero(topic == rng.integers(4))
        for step, item in enumerate(rng.choice(own, 6, replace=False)):
            rows.append((f"u{user}", f"i{item}", 1000.0 * user + step))
    names = ("user_id", "item_id", "timestamp")
    events = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    look = (np.eye(4)[topic] + 0.1 * rng.normal(size=(80, 4))).tolist()
    items = {"item_id": [f"i{n}" for n in range(80)], "look": [*look[:-5], *[None] * 5]}
    options = Options(
        modalities=("id", "look=vectors:look"),
        split="leave-one-out",
        epochs=6,
        dim=16,
        lr=0.01,
        refit="none",
        affinities=False,
        trend=False,
    )
    return Recommender.fit(events, items, options=options), events


def test_a_vector_without_a_modality_is_that_of_an_item_that_lacks_it(made):
    state = made[0].state
    items = np.array([3, 7])
    changed = without(state, "look", items).vectors
    features = {"id": torch.eye(1), "look": torch.zeros(1, 4)}
    absent = torch.tensor([False])
    for item in range(1, 81):
        if item not in items:
            assert torch.equal(changed[item], state.vectors[item])
            continue
        encoder = state.model.items.encoders["id"]
        features["id"] = encoder(torch.tensor([int(state.slots[item])]))
        present = {"id": torch.tensor([True]), "look": absent}
        expected = state.model.items.fusion(features, present)[0]
        torch.testing.assert_close(changed[item], expected, atol=2e-3, rtol=1e-2)


def test_items_without_any_modality_are_equal(made):
    """They are tied, so that no rounding decides which of them is ranked first."""
    _, events = made
    items = {"item_id": [f"i{n}" for n in range(80)], "look": torch.eye(80).tolist()}
    options = Options(modalities=("look=vectors:look",), epochs=1, dim=16, refit="none")
    state = Recommender.fit(events, items, options=options).state
    changed = without(state, "look", np.arange(1, 81)).vectors
    assert (changed[1:] == changed[1]).all()
    assert not (state.vectors[1:] == state.vectors[1]).all()


def test_what_is_gone_counts_nothing_in_an_affinity(made, add_affinities):
    """A history without any content has no affinity, however small float16 leaves the rest."""
    wide = add_affinities(made[0], {"look": 4}, [16.0])
    (columns,) = content_columns(wide.model).values()
    changed = without(wide.state, "look", np.array([3, 7]))
    assert wide.vectors[[3, 7], columns].any()
    interest = wide.model.interests(Histories.of_items([[3, 7]]), changed.vectors)
    parts = score_parts(wide.model, interest, changed.vectors)
    assert list(parts) == ["learned", "content:look"]
    assert not parts["content:look"].any()


def test_fewer_items_with_content_are_worse(made):
    found, events = made[0].degradation(shares=(0.0, 0.5, 1.0), modalities=["look"]), made[1]
    assert found.columns == ["modality", "share", "ndcg@10", "warm", "cold"]
    whole, half, none = found["ndcg@10"]
    assert whole == pytest.approx(made[0].report["test"]["ndcg@10"])
    assert whole > none + 0.02
    assert whole > half
    again = made[0].degradation(events, shares=(0.5,), modalities=["look"])
    assert again["ndcg@10"].item() == half
    assert made[0].degradation(shares=(0.0,))["modality"].to_list() == ["id", "look"]


def test_figures_that_do_not_exist_are_null(made):
    """Of a log without the users whose target is cold, nothing is known about cold targets."""
    recommender, events = made
    table = pl.DataFrame(events)
    while True:
        split = split_log(Interactions(table), recommender.options, recommender.catalog)
        target = split.targets("test")
        cold = split.train_counts[split.sequences.item[target]] == 0
        users = np.array(split.sequences.users)[split.sequences.owner[target[cold]]]
        if not len(users):
            break
        table = table.filter(~pl.col("user_id").is_in(users.tolist()))
    found = recommender.degradation(table, shares=(0.0,), modalities=["id"])
    assert found["cold"].to_list() == [None]
    assert found["warm"].to_list() == found["ndcg@10"].to_list()


def test_wrong_arguments(made):
    with pytest.raises(ValueError, match=r"of \['id', 'look'\]; got \['text'\]"):
        made[0].degradation(modalities=["text"])
    with pytest.raises(ValueError, match=r"from 0 to 1; got \[1.5\]"):
        made[0].degradation(shares=(0.5, 1.5))


def test_what_it_has_trained_on_is_said(made, caplog, tmp_path):
    recommender, events = made
    refitted = Recommender.fit(
        events, recommender.catalog, options=recommender.options.replace(refit="all", epochs=1)
    )
    refitted.degradation(shares=(0.0,), modalities=["id"])
    assert "has trained on the test events" in caplog.text
    refitted.save(tmp_path / "run")
    with pytest.raises(ValueError, match="degradation needs the log of events"):
        Recommender.load(tmp_path / "run").degradation()
