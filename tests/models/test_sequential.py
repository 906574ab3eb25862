from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from mmrec.data import Collator, Histories, Sequences, TableSource, id_source
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.fusion import ConcatFusion
from mmrec.interest import GRUInterest, LastInterest, SteppingInterest
from mmrec.models import ItemEncoder, SequentialModel, encode_catalog, sasrec
from mmrec.sampling import InBatchSampler, UniformSampler, UnionSampler
from mmrec.scoring import DotScorer, MLPScorer

SIZE, DIM = 9, 6
ITEM = np.array([3, 1, 4, 1, 5, 2, 6, 7, 8, 8, 2])
OFFSETS = np.array([0, 5, 7, 11])


def sources():
    features = np.random.default_rng(1).normal(size=(SIZE + 1, 4)).astype(np.float32)
    return {
        "id": id_source({item: item for item in range(1, 8)}, SIZE),
        "feature": TableSource(features, np.arange(SIZE + 1) > 2),
    }


def build(reranker=None, **options):
    encoders = {"id": IdEncoder(7, DIM), "feature": FeatureEncoder(4)}
    items = ItemEncoder(encoders, ConcatFusion({"id": DIM, "feature": 4}, DIM))
    interest = GRUInterest(DIM, time_gap=True, num_event_types=2)
    return SequentialModel(items, interest, DotScorer(), reranker, **options).eval()


def log():
    rng = np.random.default_rng(2)
    gap = rng.uniform(0, 1e5, len(ITEM))
    gap[OFFSETS[:-1]] = 0
    event_type = rng.integers(0, 3, len(ITEM))
    return Sequences(ITEM, gap, event_type, np.arange(11.0), OFFSETS, ["u", "v", "w"], ("a", "b"))


def negatives():
    drawn = UniformSampler(np.arange(1, SIZE + 1), 4)
    return UnionSampler([InBatchSampler(np.ones(SIZE + 1), 8), drawn])


def batch():
    windows = [np.array(span) for span in pairwise(OFFSETS)]
    return Collator(log(), sources(), negatives())(windows)


def test_forward_is_a_loop_over_users_and_steps():
    model, events, whole = build(), log(), batch()
    output = model(whole)
    vectors = encode_catalog(model.items, sources(), SIZE)
    rows, targets = [], []
    for start, end in pairwise(OFFSETS):
        for position in range(start, end - 1):
            past = slice(start, position + 1)
            state = model.interest(
                vectors[torch.from_numpy(ITEM[past])].unsqueeze(0),
                torch.ones(1, position + 1 - start).bool(),
                torch.from_numpy(events.gap[past]).float().unsqueeze(0),
                torch.from_numpy(events.event_type[past]).unsqueeze(0),
            )[0, -1]
            rows.append([(state.detach() @ vectors[item]).item() for item in whole.pool.items[1:]])
            targets.append(ITEM[position + 1])
    assert whole.pool.items[output.positives].tolist() == targets
    assert torch.allclose(output.logits[:, 1:], torch.tensor(rows), atol=1e-5)
    assert torch.allclose(output.vectors[1:], vectors[whole.pool.items[1:]], atol=1e-6)
    assert output.states.shape == (len(targets), DIM)


def test_permuting_the_pool_permutes_the_logits():
    model, whole = build(), batch()
    size = len(whole.pool)
    order = torch.cat([torch.zeros(1).long(), 1 + torch.randperm(size - 1)])  # new slot → old
    place = order.argsort()  # old slot → new
    pool = whole.pool
    content = {}
    for name, inputs in pool.content.items():
        slots = pool.present[name].nonzero().squeeze(1)
        content[name] = inputs[place[slots].argsort()]
    moved = replace(
        whole,
        history=place[whole.history],
        target=place[whole.target],
        pool=replace(
            pool,
            items=pool.items[order],
            candidates=pool.candidates[order],
            log_q=pool.log_q[order],
            present={name: mask[order] for name, mask in pool.present.items()},
            content=content,
        ),
    )
    expected, got = model(whole), model(moved)
    assert torch.allclose(got.logits, expected.logits[:, order], atol=1e-6)
    assert torch.equal(got.target, place[expected.target])


def test_garbage_in_padding_changes_nothing():
    model, whole = build(), batch()
    expected = model(whole)
    padding = ~whole.mask
    assert padding.any()
    garbage = replace(
        whole,
        gap=whole.gap.masked_fill(padding, torch.nan),
        event_type=whole.event_type.masked_fill(padding, 2),
    )
    assert torch.equal(model(garbage).logits, expected.logits)
    longer = {
        name: nn.functional.pad(getattr(whole, name), (0, 3))
        for name in ("history", "target", "gap", "event_type", "since")
    }
    assert torch.allclose(model(replace(whole, **longer)).logits, expected.logits, atol=1e-6)


def test_scores_are_those_of_the_last_state_of_forward():
    model, whole = build(), batch()
    output = model(whole)
    last = (whole.target > 0).sum(1).cumsum(0) - 1
    vectors = encode_catalog(model.items, sources(), SIZE)
    histories = Histories.without_request(
        whole.pool.items[whole.history], whole.gap, whole.event_type
    )
    scores = model.scores(histories, vectors)
    assert scores.shape == (3, SIZE + 1)
    assert torch.allclose(scores[:, whole.pool.items[1:]], output.logits[last, 1:], atol=1e-5)
    assert torch.allclose(model.interests(histories, vectors), output.states[last], atol=1e-6)


def test_an_empty_history_has_no_interest():
    model = build()
    vectors = encode_catalog(model.items, sources(), SIZE)
    histories = Histories.of_items([[], [3, 4]])
    interests = model.interests(histories, vectors)
    assert not interests[0].any()
    alone = model.interests(Histories.of_items([[3, 4]]), vectors)
    assert torch.allclose(interests[1:], alone, atol=1e-6)


def test_an_interest_model_may_compute_the_last_interest_itself():
    model, other = sasrec({"id": IdEncoder(SIZE, DIM)}, dim=DIM, window=3).eval(), build()
    vectors = torch.randn(SIZE + 1, DIM)
    histories = Histories.of_items([[1, 2], [], [3, 4, 5, 6]])
    assert isinstance(model.interest, LastInterest)
    assert not isinstance(other.interest, LastInterest)
    states = model.interest(vectors[histories.items], histories.mask)
    interests = model.interests(histories, vectors)
    assert torch.allclose(interests[[0, 2]], states[[0, 2], [1, 3]], atol=1e-6)
    assert not interests[1].any()


@pytest.mark.parametrize("shortlist", [1, 3, 100])
def test_the_short_list_comes_first_and_the_rest_stays(shortlist, stirred):
    reranker = stirred(MLPScorer(DIM, DIM))
    model = build(reranker, shortlist=shortlist)
    vectors, states = torch.randn(SIZE + 1, DIM), torch.randn(5, DIM)
    retrieved = model.scorer(states, vectors)
    retrieved[:, 0] = 1e6  # padding is not on the short list, whatever its score
    before = retrieved.clone()
    scores = model.rerank(retrieved, states, vectors)
    assert torch.equal(retrieved, before)
    for row in range(5):
        by_retrieval = retrieved[row, 1:].argsort(descending=True) + 1
        short, rest = by_retrieval[:shortlist], by_retrieval[shortlist:]
        ranked = reranker(states[row : row + 1], vectors[short].unsqueeze(0))[0]
        ranked = ranked + retrieved[row, short]
        expected = [*short[ranked.argsort(descending=True)].tolist(), *rest.tolist(), 0]
        assert scores[row].argsort(descending=True).tolist() == expected
        assert torch.equal(scores[row, rest], retrieved[row, rest])


def test_scores_are_those_of_retrieval_with_a_reranker_too(stirred):
    model = build(stirred(MLPScorer(DIM, DIM)), shortlist=2)
    vectors = encode_catalog(model.items, sources(), SIZE)
    histories = Histories.of_items([[3, 4], [5]])
    scores, states = model.scores(histories, vectors), model.interests(histories, vectors)
    assert ((model.rerank(scores, states, vectors)[:, 1:] != scores[:, 1:]).sum(1) == 2).all()
    model.reranker = None
    assert torch.equal(model.scores(histories, vectors), scores)
    assert model.rerank(scores, states, vectors) is scores


def test_every_parameter_gets_a_finite_gradient():
    model = build().train()
    model(batch()).logits.sin().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_bfloat16_logits_are_float32():
    model, whole = build(), batch()
    expected = model(whole).logits
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(whole).logits
    assert logits.dtype == torch.float32
    assert (logits - expected).abs().max() < 0.1


def test_state_dict_round_trip():
    model, other = build(MLPScorer(DIM, DIM)), build(MLPScorer(DIM, DIM))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(batch()).logits, model(batch()).logits)


def test_an_interest_of_another_width():
    items = ItemEncoder({"id": IdEncoder(7, DIM)}, ConcatFusion({"id": DIM}, DIM))
    with pytest.raises(ValueError, match="interest expects item vectors of width 5; got 6"):
        SequentialModel(items, GRUInterest(5), DotScorer())


@pytest.mark.usefixtures("unchecked")
def test_parts_that_do_not_fit_are_found_at_construction():
    items = ItemEncoder({"id": IdEncoder(7, 8)}, ConcatFusion({"id": 8}, 8))
    narrow = GRUInterest(8, interest_dim=4)
    with pytest.raises(
        ValueError, match=r"scorer must take inputs of shape \(2, 4\) and \(3, 8\); got"
    ):
        SequentialModel(items, narrow, DotScorer())
    with pytest.raises(
        ValueError, match=r"reranker must take .* states of shape \(rows, 4\); got \(2, 8\)"
    ):
        SequentialModel(items, GRUInterest(8), DotScorer(), MLPScorer(4, 8))
    with pytest.raises(
        ValueError, match=r"and interest_dim, the width of its output; Linear has no dim"
    ):
        SequentialModel(items, nn.Linear(8, 8), DotScorer())
    half = nn.Linear(8, 8)
    half.dim = 8
    with pytest.raises(ValueError, match="Linear has no interest_dim"):
        SequentialModel(items, half, DotScorer())


@pytest.mark.usefixtures("unchecked")
def test_items_without_a_width():
    with pytest.raises(ValueError, match=r"items must have dim, .* Linear has none"):
        SequentialModel(nn.Linear(8, 8), GRUInterest(8), DotScorer())


def test_interests_that_step():
    assert isinstance(GRUInterest(8), SteppingInterest)
    assert not isinstance(nn.GRU(8, 8), SteppingInterest)


class Decorrelated(DotScorer):
    """A scorer with a loss of its own."""

    auxiliary_weight = 0.5

    def auxiliary_loss(self, output):
        return output.vectors.square().sum()


def test_auxiliary_losses_of_the_parts_add_up():
    model = build().eval()
    assert model.auxiliary_loss(model(batch())) is None
    model.scorer = Decorrelated()
    output = model(batch())
    assert model.auxiliary_parts == [model.scorer]
    assert torch.equal(model.auxiliary_loss(output), 0.5 * output.vectors.square().sum())
    model.scorer.auxiliary_weight = 0.0
    assert model.auxiliary_loss(output) is None


USERS = {
    "kind": TableSource(np.array([[0.0], [1.0], [0.0], [2.0]], np.float32), np.arange(4) % 2 > 0)
}


def with_users():
    torch.manual_seed(0)
    tower = ItemEncoder({"kind": FeatureEncoder(1)}, ConcatFusion({"kind": 1}, DIM))
    return build(users=tower)


def test_features_of_users_are_a_step_before_the_first_event():
    model, vectors = with_users(), torch.randn(SIZE + 1, DIM)
    people = encode_catalog(model.users, USERS, 3)
    histories = replace(
        Histories.of_items([[3, 1], [4], [], [5]]), users=torch.tensor([1, 0, 3, 3])
    )
    found = model.interests(histories, vectors, people)
    for row, (items, user) in enumerate([([3, 1], 1), ([4], 0), ([], 3), ([5], 3)]):
        state = model.interest.initial_state(1)
        steps = [vectors[item] for item in items]
        for vector in ([people[user]] if user else []) + steps:
            unknown = torch.tensor([-1.0]), torch.tensor([0])
            state = model.interest.step(state, vector.unsqueeze(0), *unknown)
        assert torch.allclose(found[row], model.interest.readout(state)[0], atol=1e-6)
    alone = model.interests(replace(histories, users=None), vectors, people)
    assert torch.allclose(alone[1], found[1], atol=1e-6)
    assert not torch.allclose(alone[0], found[0], atol=1e-3)


def test_forward_trains_the_step_of_users():
    model = with_users()
    events = replace(log(), user_rows=np.array([1, 0, 3]))
    collate = Collator(events, sources(), negatives(), users=USERS)
    windows = [np.array(span) for span in pairwise(OFFSETS)]
    made = collate(windows)
    assert made.users.items[1:].tolist() == [1, 0, 3]
    output = model(made)
    vectors, people = (
        encode_catalog(model.items, sources(), SIZE),
        encode_catalog(model.users, USERS, 3),
    )
    rows = []
    for (start, end), user in zip(pairwise(OFFSETS), events.user_rows, strict=True):
        for stop in range(start if user else start + 1, end):
            past = Histories.of_events(events, np.array([start]), np.array([stop]))
            rows.append(model.interests(past, vectors, people))
    assert torch.allclose(output.states, torch.cat(rows), atol=1e-5)
    assert output.target.tolist() == [
        int((made.pool.items == ITEM[stop]).nonzero())
        for (start, end), user in zip(pairwise(OFFSETS), events.user_rows, strict=True)
        for stop in range(start if user else start + 1, end)
    ]


def test_a_windowed_interest_has_no_place_for_users():
    items, tower = build().items, with_users().users
    attention = sasrec({"id": IdEncoder(7, DIM)}, dim=DIM, window=5).interest
    with pytest.raises(ValueError, match="must have no window; SelfAttentionInterest reads the la"):
        SequentialModel(items, attention, DotScorer(), users=tower)
    narrow = ItemEncoder({"kind": FeatureEncoder(1)}, ConcatFusion({"kind": 1}, 3))
    with pytest.raises(ValueError, match=f"interest expects users of width {DIM}; got 3"):
        SequentialModel(items, GRUInterest(DIM), DotScorer(), users=narrow)
