"""Ids over a graph: trained, kept in a RUN, and given to items that come later."""

import json
from functools import partial

import numpy as np
import pytest
import torch

from mmrec import Options, Recommender
from mmrec.data import Catalog, EventRules, Interactions, to_sequences
from mmrec.encoders import GraphIdEncoder, TextEncoder
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender.check.content import uses_of
from mmrec.recommender.content import (
    Context,
    GraphModality,
    IdModality,
    TextModality,
    VectorsModality,
    modalities_of,
)
from mmrec.recommender.content.edges import edges_of, taken_together

NAME = "graph:vectors:clip"
GROUPS, EACH, NEW = 6, 8, 2


def items_of(*kinds, seed=0):
    """Items in groups, whose vectors are near those of their group."""
    rng, rows = np.random.default_rng(seed), []
    middle = np.random.default_rng(9).normal(scale=4, size=(GROUPS, 5))
    for kind, count in kinds:
        for group in range(GROUPS):
            for number in range(count):
                vector = middle[group] + rng.normal(scale=0.3, size=5)
                rows.append((f"{kind}{group}_{number}", vector.tolist()))
    return {"item_id": [name for name, _ in rows], "clip": [vector for _, vector in rows]}


def events():
    """Users who stay in one group; in the last part of the time it has new items too."""
    rng, rows = np.random.default_rng(0), []
    for user in range(60):
        group, start = user % GROUPS, rng.random() * 1e5
        old = [f"old{group}_{n}" for n in rng.permutation(EACH)[:6]]
        later = [f"new{group}_{n}" for n in rng.permutation(NEW)[:1]]
        for step, item in enumerate(old + later):
            rows.append((f"u{user}", item, start + step + 1e6 * item.startswith("new")))
    names = ("user_id", "item_id", "timestamp")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


ITEMS = items_of(("old", EACH), ("new", NEW))


def fitted(modalities, items=ITEMS, **changes):
    small = {"dim": 8, "epochs": 12, "lr": 0.03, "batch_size": 8, "refit": "none"}
    options = Options(modalities=modalities, affinities=False, **(small | changes))
    near = {"graph": partial(GraphModality, neighbours=5)} if NAME in modalities else None
    return Recommender.fit(events(), items, options=options, encoders=near)


@pytest.fixture(scope="module")
def made():
    return fitted((NAME,))


def test_new_items_are_found_by_their_neighbours(made):
    rng = np.random.default_rng(1)
    shuffled = ITEMS | {"clip": [ITEMS["clip"][place] for place in rng.permutation(60)]}
    noise = fitted((NAME,), shuffled)
    assert made.report["fingerprint"] == noise.report["fingerprint"]
    found, chance = (one.report["test"]["cold"]["ndcg@10"] for one in (made, noise))
    assert found > chance + 0.2  # neighbours that are alike, and any


def test_an_item_that_is_added_has_neighbours_and_changes_no_other(made, tmp_path):
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    encoder, old = (one.state.model.items.encoders[NAME] for one in (again, made))
    for name, buffer in old.named_buffers():
        assert torch.equal(encoder.get_buffer(name), buffer)
        assert buffer.any()
    assert torch.equal(again.state.vectors, made.state.vectors)
    before = again.state.vectors.clone()
    again.add_items(items_of(("late", 1), seed=5))
    assert torch.equal(again.state.vectors[: len(before)], before)
    ranked = [one.item for one in again.recommend(["old3_0", "old3_1"], k=70)]
    places = [ranked.index(f"late{group}_0") for group in range(GROUPS)]
    assert places[3] == min(places)
    assert places[3] < 10


def test_a_known_item_whose_content_changes_stays(made):
    catalog = Catalog({"item_id": ["old0_0", "late"], "clip": [ITEMS["clip"][40]] * 2})
    slots = made.state.slots[made.state.catalog.indices_of(["old0_0"])]
    vectors, _ = made.state.encode(catalog, slots=np.append(slots, 0))
    known = made.state.vectors[made.state.catalog.indices_of(["old0_0"])]
    torch.testing.assert_close(vectors[:1], known)
    assert not torch.allclose(vectors[1:], known)


def test_a_run_says_how_the_graph_was_made(made, tmp_path):
    made.save(tmp_path / "run")
    text = (tmp_path / "run" / "config.json").read_text()
    spec = json.loads(text)["modalities"][NAME]
    base = {"class_path": "mmrec.recommender.content.VectorsModality"}
    base["init_args"] = {"source": "clip"}
    assert spec["class_path"] == "mmrec.recommender.content.GraphModality"
    assert spec["init_args"] == {"base": base, "neighbours": 5, "taken": 1.0, "layers": 2}
    edges = len(made.state.model.items.encoders[NAME].edges)
    assert spec["facts"] == {
        **{"column": "clip", "file": None, "feature_dim": 5, "content_dim": 5},
        **{"vocabulary_size": GROUPS * EACH, "dim": 8, "edges": edges},
    }
    assert len(text) < 20_000  # the graph is beside the weights


def test_an_update_keeps_edges_and_adds_those_of_items_that_are_trained_now(made):
    old = made.state.model.items.encoders[NAME]
    again = made.update(events(), ITEMS, options={"epochs": 1, "refit": "all"})
    new = again.state.model.items.encoders[NAME]
    known, count = old.vocabulary_size, len(old.edges)
    now = [name for name in ITEMS["item_id"][known:] if name in set(events()["item_id"])]
    assert new.vocabulary_size == known + len(now) > known
    assert torch.equal(new.edges[:count], old.edges)
    assert torch.equal(new.weights[:count], old.weights)
    assert torch.equal(new.content[: known + 1], old.content)
    added = new.edges[count:]
    assert (added[:, 1] > known).all()
    linked = set(added.flatten().tolist())
    assert set(range(known + 1, new.vocabulary_size + 1)) <= linked
    vectors = torch.tensor([ITEMS["clip"][ITEMS["item_id"].index(name)] for name in now])
    torch.testing.assert_close(new.content[known + 1 :], vectors.float())


def test_an_item_that_is_added_live_has_neighbours_too(made):
    live = RealtimeRecommender(made)
    live.add_items(items_of(("late", 1), seed=5))
    live.observe("ann", "old3_0")
    live.observe("ann", "old3_1")
    ranked = [one.item for one in live.recommend("ann", k=60)]
    places = [ranked.index(f"late{group}_0") for group in range(GROUPS)]
    assert places[3] == min(places)
    assert places[3] < 10


def test_a_text_of_a_model_that_was_given_built(bert_folder, tmp_path):
    items = ITEMS | {"title": [f"red {name[3]}" for name in ITEMS["item_id"]]}
    encoder = TextEncoder.from_pretrained(str(bert_folder))
    options = Options(modalities=("graph:text",), dim=4, epochs=1, refit="none")
    made = Recommender.fit(events(), items, options=options, encoders={"text": encoder})
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run", parts=[encoder])
    again.add_items({"item_id": ["late"], "title": ["red 3"]})
    same = again.state.catalog.indices_of(["new3_0"])
    torch.testing.assert_close(again.state.vectors[-1], again.state.vectors[int(same[0])])


def test_items_of_events_alone():
    made = fitted(("graph",), epochs=1)
    encoder = made.state.model.items.encoders["graph"]
    assert encoder.content.shape == (GROUPS * EACH + 1, 0)
    groups = (encoder.edges - 1) // EACH
    assert (groups[:, 0] == groups[:, 1]).all()  # users stay in their group
    assert not GraphModality().has_content
    cold = made.state.catalog.indices_of(["new0_0", "new3_1"])
    assert torch.equal(*made.state.vectors[cold])  # they have no neighbours
    late = {name: values[-60:] for name, values in events().items()}
    again = made.update(late, ITEMS, options={"epochs": 1, "refit": "all"})
    new = again.state.model.items.encoders["graph"]
    assert new.vocabulary_size > encoder.vocabulary_size
    assert torch.equal(new.edges[: len(encoder.edges)], encoder.edges)


def test_edges_are_those_of_the_nearest_and_of_the_users():
    rng = np.random.default_rng(0)
    vectors, taken = rng.normal(size=(9, 4)), rng.random((20, 9)) < 0.4
    log = Interactions(
        {
            "user_id": [f"u{user}" for user, _ in np.argwhere(taken)],
            "item_id": [f"i{item}" for _, item in np.argwhere(taken)],
            "position": range(int(taken.sum())),
        }
    )
    catalog = Catalog({"item_id": [f"i{n}" for n in range(9)], "clip": vectors.tolist()})
    trained = np.array([9, 1, 2, 3, 4, 5, 7])  # in the order of the vocabulary
    context = Context(dim=4, trained=trained, events=to_sequences(log, catalog))
    made = GraphModality(VectorsModality("clip"), neighbours=2, taken=0.5).prepare(catalog, context)
    rows = vectors[trained - 1].astype(np.float32)
    units = rows - rows.mean(0)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    users = taken[:, trained - 1].astype(float)
    n, both = users.sum(0), users.T @ users
    weights = {}
    for similar, weight in ((units @ units.T, 1.0), (both / (np.sqrt(np.outer(n, n)) + 10), 0.5)):
        np.fill_diagonal(similar, -np.inf)
        near = np.argsort(-similar, axis=1, kind="stable")[:, :2]
        found = {(min(i, j) + 1, max(i, j) + 1) for i in range(7) for j in near[i].tolist()}
        for pair in found:
            weights[pair] = weights.get(pair, 0) + weight
    pairs = map(tuple, made.encoder.edges.tolist())
    assert dict(zip(pairs, made.encoder.weights.tolist(), strict=True)) == weights
    links = made.source.load(np.arange(1, 10))
    assert links[trained - 1, 0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    for cold in (5, 7):  # rows of the catalogue
        query = vectors[cold].astype(np.float32) - rows.mean(0)
        wanted = np.argsort(-(units @ query))[:2] + 1
        assert links[cold].tolist() == [0, *wanted.tolist()]


def test_dislikes_make_no_edge():
    log = Interactions(
        {
            "user_id": [*"uuuvvv"],
            "item_id": [*"abcabc"],
            "position": range(6),
            "event": ["view", "buy", "dislike"] * 2,
        }
    )
    log, _ = EventRules(targets=("buy",), negative=("dislike",)).apply(log)
    sequences = to_sequences(log, Catalog({"item_id": [*"abc"]}))
    near = taken_together(sequences, np.arange(4), 2)
    assert edges_of([(near, 1.0)])[0].tolist() == [[1, 2]]


def test_an_item_without_a_vector():
    catalog = Catalog({"item_id": [*"abcd"], "clip": [[0.5, 2.0], None, [0.1, 1.0], None]})
    context = Context(dim=4, trained=np.array([1, 2]))
    made = GraphModality(VectorsModality("clip"), taken=0.0).prepare(catalog, context)
    assert made.source.present.tolist() == [False, True, True, True, False]
    assert made.source.load(np.array([3]))[0, :3].tolist() == [0, 1, 0]
    assert made.encoder.has_content.tolist() == [False, True, False]
    assert not len(made.encoder.edges)


def modalities(text, encoders=None, **options):
    return modalities_of(Options(modalities=text, **options), encoders)


def test_names_and_what_they_read():
    made = modalities("graph:text,id,text", {"text": "x/y"})
    assert made["graph:text"].base is made["text"]  # so it is encoded once
    made = modalities("graph,clip=vectors:data/clip.npy,near=graph:clip,semantic:clip")
    assert made["near"].base is made["clip"] is made["semantic:clip"].base
    assert made["graph"].base is None
    own = {"graph": partial(GraphModality, layers=3, taken=0.0)}
    alone = modalities("graph:text:title", own)["graph:text:title"]
    assert (alone.layers, alone.taken, type(alone.base)) == (3, 0.0, TextModality)
    catalog = Catalog(ITEMS)
    uses, findings = uses_of(catalog, modalities(f"{NAME},graph"), np.arange(1, 9), {})
    assert uses[NAME].columns == ("clip",)
    assert uses[NAME].present.all()
    assert uses["graph"].present.sum() == 8
    assert findings == []
    _, findings = uses_of(catalog, modalities("graph:id"), np.arange(1, 9), {})
    assert "modality 'graph' expects a modality of frozen vectors" in findings[0].text


def test_wrong_arguments():
    catalog = Catalog({"item_id": ["a", "b"], "clip": [[0.5, 2.0], None]})
    context = Context(dim=4, trained=np.array([1, 2]))
    with pytest.raises(ValueError, match=r"'graph' expects a modality of frozen vectors.*; got Id"):
        GraphModality(IdModality()).prepare(catalog, context)
    with pytest.raises(ValueError, match="got TextModality with tuning 'last-1'"):
        modalities("text,graph:text", tuning="last-1")
    with pytest.raises(ValueError, match=r"neighbours and layers of 1 or more, .*; got 0, 2 and"):
        GraphModality(neighbours=0)
    with pytest.raises(ValueError, match="got 10, 2 and nan"):
        GraphModality(taken=float("nan"))
    with pytest.raises(ValueError, match="taken above 0; got neither"):
        GraphModality(taken=0.0)
    with pytest.raises(ValueError, match="expects items with events; got none"):
        GraphModality().prepare(catalog, context)
    encoder = GraphIdEncoder(3, 4, edges=0)
    with pytest.raises(ValueError, match="expects to make its graph in fit"):
        GraphModality().facts_of(catalog, encoder)
