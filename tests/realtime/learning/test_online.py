import json
import logging

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from mmrec.affinities import ContentAffinity, with_content
from mmrec.data import Catalog, Histories, Interactions, to_sequences
from mmrec.encoders import IdEncoder
from mmrec.evaluation import Frozen, Learner, Observed, prequential
from mmrec.fusion import ConcatFusion
from mmrec.interest import SelfAttentionInterest
from mmrec.models import CatalogScorer, ItemEncoder, SequentialModel, gru4rec
from mmrec.realtime.learning.online import PARTS, OnlineLearner
from mmrec.scoring import DotScorer, MLPScorer

V, D = 12, 8
CATALOG = Catalog({"item_id": range(1, V + 1)})
QUERIES = Histories.of_items([[1, 2], [8], [3, 3, 5], []])


def model_of(seed=0, **options):
    torch.manual_seed(seed)
    return gru4rec({"id": IdEncoder(V, D)}, dim=D, dropout=0.2, **options)


def learner_of(seed=0, model=None, **options):
    torch.manual_seed(seed)
    vectors = 0.3 * torch.randn(V + 1, D)
    vectors[0] = 0.0
    options = {
        "negatives": 8,
        "replay": 30,
        "replay_batch": 4,
        "lr": 0.01,
        "learn": PARTS,
        "steps": 1,
        "item_lr": 0.02,
    } | options
    return OnlineLearner(model or model_of(seed), vectors, torch.ones(V + 1), seed=seed, **options)


def walks(users=20, steps=12, seed=0, shuffled=False, step=1):
    """Users go through the items in a ring; all at once, an event each in turn."""
    rng = np.random.default_rng(seed)
    items = (rng.integers(V, size=(users, 1)) + step * np.arange(steps)) % V
    if shuffled:
        items = rng.integers(V, size=items.shape)
    log = Interactions(
        {
            "user_id": np.tile(np.arange(users), steps),
            "item_id": items.T.ravel() + 1,
            "timestamp": np.arange(users * steps),
        }
    )
    return to_sequences(log, CATALOG)


def batches(events, size=16):
    """The stream as a learner gets it."""
    seen = []

    class Listener:
        def scores(self, histories):
            return torch.zeros(len(histories), V + 1)

        def update(self, observed):
            seen.append(observed)

    prequential(Listener(), events, 0.0, catalog_size=V, batch_size=size)
    return seen


def equal(one, other):
    """The learners' states are the same, bit for bit."""
    first, second = one.state_dict(), other.state_dict()
    assert first["values"] == second["values"]
    assert first["tensors"].keys() == second["tensors"].keys()
    different = [n for n, t in first["tensors"].items() if not torch.equal(t, second["tensors"][n])]
    return not different


def test_it_is_a_learner_that_starts_with_the_scores_of_the_model():
    learner = learner_of()
    assert isinstance(learner, Learner)
    scorer = CatalogScorer(learner.model, learner.vectors, torch.ones(V + 1))
    assert torch.equal(learner.scores(QUERIES), scorer.scores(QUERIES))


def test_a_planted_pattern_is_learned_and_a_shuffled_one_is_not():
    found = {}
    for shuffled in (False, True):
        learner = learner_of(item_lr=0.05, lr=0.02, negatives=30, steps=3)
        events = walks(users=60, shuffled=shuffled)
        result = prequential(learner, events, 0.0, catalog_size=V, batch_size=32, filter_seen=False)
        found[shuffled] = result.values("hr@1")[-150:].mean()
    assert found[False] > 0.6
    assert found[True] < 0.25


def test_a_drift_is_followed():
    learner = learner_of(item_lr=0.05, lr=0.02, negatives=30, steps=3)
    prequential(learner, walks(users=60), 0.0, catalog_size=V, batch_size=32, filter_seen=False)
    after = walks(users=60, step=3, seed=1)
    result = prequential(learner, after, 0.0, catalog_size=V, batch_size=32, filter_seen=False)
    frozen = Frozen(learner_of().catalog_scorer)
    static = prequential(frozen, after, 0.0, catalog_size=V, batch_size=32, filter_seen=False)
    assert result.values()[-150:].mean() > static.values()[-150:].mean() + 0.2


def test_the_model_that_it_starts_from_stays_as_it_is():
    model = model_of()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    vectors, popularity = torch.randn(V + 1, D), torch.ones(V + 1)
    kept = vectors.clone(), popularity.clone()
    learner = OnlineLearner(model, vectors, popularity, negatives=8)
    for batch in batches(walks()):
        learner.update(batch)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(vectors, kept[0])
    assert torch.equal(popularity, kept[1])
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert learner.model.items is model.items  # no second copy of the encoders


@pytest.mark.parametrize("learn", [("interest",), ("scorer",), ("items",), ("items", "interest")])
def test_only_what_is_chosen_learns(learn):
    torch.manual_seed(0)
    items = ItemEncoder({"id": IdEncoder(V, D)}, ConcatFusion({"id": D}, D))
    scorer = DotScorer(dim=D, temperature=1.0, item_bias=True)
    model = SequentialModel(items, SelfAttentionInterest(D, layers=1, window=20), scorer)
    learner = learner_of(model=model, learn=learn)
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}
    vectors = learner.vectors.clone()
    for batch in batches(walks()):
        learner.update(batch)
    changed = {
        name.split(".")[0]
        for name, value in learner.model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    changed |= set() if torch.equal(learner.vectors, vectors) else {"items"}
    assert changed == set(learn)


def test_an_update_moves_only_vectors_that_it_reads():
    learner = learner_of(negatives=1, replay=0)
    learner.counts[:] = 0.0
    learner.counts[5] = 1.0  # the only item that can be drawn
    before = learner.vectors.clone()
    one = torch.tensor([1])
    history = Histories.of_items([[2, 3]])
    learner.update(Observed(one, torch.tensor([4]), one, one.double(), history))
    moved = (learner.vectors != before).any(1).nonzero().flatten().tolist()
    assert moved == [2, 3, 4, 5]


def test_saved_and_loaded_in_the_middle_it_goes_on_bit_for_bit():
    stream = batches(walks(users=30))
    whole, first = learner_of(half_life=50.0), learner_of(half_life=50.0)
    for number, batch in enumerate(stream[:8]):
        whole.update(batch, offset=number)
        first.update(batch, offset=number)
    state = first.state_dict()
    tensors, values = load(save(state["tensors"])), json.loads(json.dumps(state["values"]))
    second = learner_of(seed=3, half_life=50.0)
    second.load_state_dict({"tensors": tensors, "values": values})
    assert second.offset == 7
    torch.manual_seed(99)  # the generator of the process is of no importance
    for number, batch in enumerate(stream[8:], 8):
        whole.update(batch, offset=number)
    for number, batch in enumerate(stream[second.offset + 1 :], second.offset + 1):
        second.update(batch, offset=number)
    assert equal(whole, second)
    assert torch.equal(whole.scores(QUERIES), second.scores(QUERIES))


def test_the_state_grows_with_the_catalogue():
    learner, other = learner_of(), learner_of(seed=1)
    learner.add_items(torch.ones(2, D))
    other.load_state_dict(learner.state_dict())
    assert other.scores(QUERIES).shape == (4, V + 3)
    assert equal(learner, other)


@pytest.mark.parametrize("poison", ["vectors", "gap", "weights"])
def test_what_is_not_finite_changes_nothing_and_is_counted(poison, caplog):
    learner = learner_of(model=model_of(time_gap=True))
    stream = batches(walks())
    learner.update(stream[0])
    if poison == "gap":
        stream[1].histories.gap[:] = torch.inf
    elif poison == "vectors":
        learner.vectors[int(stream[1].item[0])] = torch.nan
    else:
        with torch.no_grad():
            next(learner.weights.parts.parameters()).view(-1)[0] = torch.inf
    before = learner.state_dict()
    with caplog.at_level(logging.WARNING):
        learner.update(stream[1], offset=5)
    assert "update 1 refused: its loss or gradient is not finite" in caplog.text
    after = learner.state_dict()
    for name, tensor in before["tensors"].items():
        torch.testing.assert_close(after["tensors"][name], tensor, rtol=0, atol=0, equal_nan=True)
    assert (learner.skipped, learner.updates, learner.offset) == (1, 2, 5)
    assert learner.healthy
    for _ in range(2):
        if poison == "gap":
            stream[2].histories.gap[:] = torch.inf
        learner.update(stream[2])
    assert learner.healthy == (learner.skipped < 3)


def test_new_items_start_at_their_content_and_learn():
    learner = learner_of()
    new = torch.randn(2, D)
    learner.add_items(new)
    assert torch.equal(learner.vectors[V + 1 :], new)
    assert learner.scores(QUERIES).shape == (4, V + 3)
    one = torch.tensor([1])
    event = Observed(one, torch.tensor([V + 1]), one, one.double(), Histories.of_items([[2, 3]]))
    before = learner.scores(event.histories).log_softmax(1)[0, V + 1]
    for _ in range(5):
        learner.update(event)
    assert learner.scores(event.histories).log_softmax(1)[0, V + 1] > before
    assert torch.equal(learner.vectors[V + 2], new[1])  # it has no events
    assert learner.counts[V + 1] == 5


def test_forget_removes_the_examples_of_a_user():
    learner = learner_of(replay=200)
    for batch in batches(walks()):
        learner.update(batch)
    user = int(learner.reservoir.user[0])
    assert learner.forget(user) > 0
    assert not (learner.reservoir.user[: len(learner.reservoir)] == user).any()


def test_replay_keeps_what_was_learned_before():
    """One pattern, then for long another from another part of the catalogue."""
    kept = {}
    for replay in (0, 200):
        learner = learner_of(
            item_lr=0.05, lr=0.02, negatives=30, steps=3, replay=replay, replay_batch=20
        )
        first = walks(users=60)
        prequential(learner, first, 0.0, catalog_size=V, batch_size=32, filter_seen=False)
        prequential(learner, walks(users=60, step=5, seed=2), 0.0, catalog_size=V, batch_size=32)
        frozen = Frozen(learner.catalog_scorer)
        again = prequential(frozen, first, 0.0, catalog_size=V, batch_size=32, filter_seen=False)
        kept[replay] = again.values().mean()
    assert kept[200] > kept[0] + 0.05


def test_remembered_events_are_replayed():
    learner = learner_of()
    learner.remember(walks(users=5))
    assert len(learner.reservoir) == 5
    assert set(learner.reservoir.user[:5].tolist()) == set(range(5))


def test_counts_halve_as_in_a_loop():
    learner = learner_of(half_life=3.0)
    items = np.concatenate([b.item.numpy() for b in batches(walks(), size=7)])
    for batch in batches(walks(), size=7):
        learner.update(batch)
    expected = np.ones(V + 1)
    for item in items:
        expected *= 0.5 ** (1 / 3)
        expected[item] += 1
    np.testing.assert_allclose(learner.counts.numpy(), expected)


def test_what_was_published_does_not_change():
    learner = learner_of()
    stream = batches(walks())
    learner.update(stream[0])
    published = learner.publish()
    before = published.scores(QUERIES)
    assert torch.equal(before, learner.scores(QUERIES))
    for batch in stream[1:]:
        learner.update(batch)
    assert torch.equal(published.scores(QUERIES), before)
    assert not torch.equal(learner.scores(QUERIES), before)


def test_first_events_alone_are_counted_and_teach_nothing():
    learner = learner_of()
    before = learner.vectors.clone()
    two = torch.tensor([1, 2])
    learner.update(Observed(two, two, two, two.double(), Histories.of_items([[], []])))
    assert torch.equal(learner.vectors, before)
    assert learner.counts.tolist() == [1.0, 2.0, 2.0] + [1.0] * (V - 2)
    assert learner.updates == 1


def test_the_reranker_still_ranks():
    torch.manual_seed(0)
    learner = learner_of(model=model_of(reranker=MLPScorer(D, D)))
    weights = [p.clone() for p in learner.model.reranker.parameters()]
    result = prequential(learner, walks(), 0.0, catalog_size=V)
    assert len(result.rank) == 240
    assert all(map(torch.equal, weights, learner.model.reranker.parameters()))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"learn": ("encoders",)}, r"learn must be some of .* got \['encoders'\]"),
        ({"learn": ()}, "learn must be some of"),
        ({"half_life": 0.0}, "half_life must be above 0"),
        ({"item_lr": 0.0}, "positive lr and start"),
        ({"steps": 0}, "steps and negatives must be 1 or more"),
        ({"replay": -1}, "size of 0 or more"),
    ],
)
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        learner_of(**wrong)


def test_errors_of_tensors():
    with pytest.raises(ValueError, match="popularity must have a positive count"):
        OnlineLearner(model_of(), torch.zeros(V + 1, D), torch.eye(V + 1)[0])
    with pytest.raises(ValueError, match="vectors must be finite"):
        OnlineLearner(model_of(), torch.full((V + 1, D), torch.nan), torch.ones(V + 1))
    state = learner_of(learn=("items",)).state_dict()
    with pytest.raises(ValueError, match=r"expected a state of learn=.*; got \['items'\]"):
        learner_of().load_state_dict(state)


def with_directions(seed=0, **options):
    """A learner of a model whose item vectors have three directions beside what is learned."""
    torch.manual_seed(seed)
    model = with_content(model_of(seed), ContentAffinity({"id": 3}))
    model.interest.weights.fill_(0.5)
    vectors = torch.cat([0.3 * torch.randn(V + 1, D), torch.randn(V + 1, 3)], dim=1)
    vectors[0] = 0.0
    options = {"negatives": 8, "replay": 30, "replay_batch": 4, "steps": 1} | options
    return OnlineLearner(model, vectors, torch.ones(V + 1), seed=seed, **options)


@pytest.mark.parametrize("learn", [("items",), PARTS])
def test_directions_stay_and_a_planted_pattern_is_learned_beside_them(learn):
    how = {"item_lr": 0.1, "lr": 0.02, "negatives": 30, "steps": 3}
    learner = with_directions(learn=learn, **how)
    frozen = Frozen(with_directions().catalog_scorer)
    before = learner.vectors.clone()
    weights = learner.model.interest.weights.clone()
    hits = [
        prequential(one, walks(users=60), 0.0, catalog_size=V, batch_size=32, filter_seen=False)
        for one in (learner, frozen)
    ]
    learned, static = (found.values()[-150:].mean() for found in hits)
    assert learned > static + 0.2
    assert torch.equal(learner.vectors[:, D:], before[:, D:])
    assert torch.equal(learner.model.interest.weights, weights)
    assert not torch.equal(learner.vectors[:, :D], before[:, :D])


def test_a_learner_with_directions_goes_on_where_it_was_saved():
    parts = batches(walks())
    whole, first, second = with_directions(), with_directions(), with_directions()
    for part in parts[:6]:
        whole.update(part)
    for part in parts[:3]:
        first.update(part)
    second.load_state_dict(first.state_dict())
    for part in parts[3:6]:
        second.update(part)
    assert torch.equal(second.vectors, whole.vectors)
    second.add_items(torch.ones(2, D + 3))
    assert torch.equal(second.vectors[-2:], torch.ones(2, D + 3))
