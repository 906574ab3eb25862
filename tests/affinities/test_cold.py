import numpy as np
import pytest
import torch

from mmrec.affinities.candidates import candidates_of
from mmrec.affinities.cold import BONUSES, COST, choose_for_cold

ITEMS, KNOWN = 80, 60
NAMES = ["content:text", "successors", "unseen"]
UNSEEN = torch.arange(ITEMS + 1) > KNOWN


def planted(content, below, seed=0, requests=500):
    """Requests whose model knows items with events and ranks the others `below`.

    Content knows all targets by `content` standard deviations.
    """
    rng = np.random.default_rng(seed)
    target = rng.integers(1, ITEMS + 1, requests)
    table = rng.normal(size=(requests, 4, ITEMS + 1))
    rows, cold = np.arange(requests), UNSEEN.numpy()
    table[rows, 0, target] += np.where(cold[target], 0.0, 4.0)
    table[rows, 1, target] += content
    table[:, 0, cold] -= below
    table[:, 2, cold], table[:, 3] = 0.0, cold
    table[:, 0, 0] = -np.inf
    return target, torch.from_numpy(table).float()


def chosen(target, table, weights=None, user=None, unseen=UNSEEN, **more):
    user = np.arange(len(target)) if user is None else user
    given = lambda rows: table[rows], NAMES, weights or {}, target, user, unseen
    return choose_for_cold(*given, **more)


def means(target, table, weights):
    """NDCG@10 of targets with events and without, one request after the other."""
    found = ([], [])
    for row, item in enumerate(target):
        score = table[row, 0].numpy().copy()
        for name, weight in weights.items():
            if name == "new:text":  # in the place of the weight of content for all items
                score[UNSEEN] += np.float32(weight - weights.get("content:text", 0.0)) * (
                    table[row, 1, UNSEEN].numpy()
                )
            else:
                column = NAMES.index("unseen" if name == "new" else name)
                score += np.float32(weight) * table[row, 1 + column].numpy()
        rank = (score[1:] >= score[item]).sum()
        found[int(item > KNOWN)].append(1 / np.log2(1 + float(rank)) if rank <= 10 else 0.0)
    return np.mean(found[0]), np.mean(found[1])


def test_items_without_events_are_found_at_little_cost():
    target, table = planted(content=3.0, below=6.0)
    weights, facts = chosen(target, table, {"successors": 0.5}, apart=True)
    assert weights["successors"] == 0.5
    assert weights["new:text"] > 0
    assert facts["weights"] == {name: weights.get(name, 0.0) for name in ("new:text", "new")}
    warm, cold = means(target, table, weights)
    warm_before, cold_before = means(target, table, {"successors": 0.5})
    assert warm >= (1 - COST) * warm_before
    assert cold > cold_before + 0.1
    assert facts["requests"] == int((target > KNOWN).sum())


def test_content_has_the_likely_weight_for_new_items():
    """What misleads among known items finds new ones."""
    target, table = planted(content=3.0, below=4.0, requests=2000)
    table[:, 1, ~UNSEEN] = torch.randn(2000, KNOWN + 1)
    table[:, 0, UNSEEN] = -4.0  # nothing but content tells them apart
    weights, facts = chosen(target, table, apart=True)
    assert weights["new:text"] == pytest.approx(3.0, rel=0.1)  # of two normal densities
    assert "content:text" not in weights
    assert facts["weights"].keys() == {"new:text", "new"}
    assert chosen(target, table)[0].keys() <= {"unseen"}


def test_the_best_balance_of_those_that_cost_little_is_chosen():
    target, table = planted(content=3.0, below=4.0, requests=120)
    weights, _ = chosen(target, table, apart=True)
    floor, best = (1 - COST) * means(target, table, {})[0], 0.0
    for bonus in BONUSES:
        warm, cold = means(target, table, weights | {"new": weights["new"] + bonus})
        best = max(best, cold if warm >= floor else 0.0)
    assert means(target, table, weights)[1] == pytest.approx(best)


def test_a_second_content_is_added_if_it_finds_more():
    target, table = planted(content=2.0, below=4.0, requests=300)
    rows, cold = np.arange(300), UNSEEN.numpy()
    table[:, 2, cold] = torch.randn(300, ITEMS - KNOWN)
    table[rows, 2, target] += 2.0
    names, given = ["content:text", "content:image", "unseen"], (target, np.arange(300), UNSEEN)
    weights, _ = choose_for_cold(lambda rows: table[rows], names, {}, *given, apart=True)
    assert weights["new:text"] > 0
    assert weights["new:image"] > 0


def test_what_it_may_cost_is_an_option():
    target, table = planted(content=1.0, below=6.0, requests=300)
    found = [
        means(target, table, chosen(target, table, apart=True, cost=cost)[0])
        for cost in (0.01, 0.3)
    ]
    assert found[1][1] > found[0][1]
    assert found[1][0] < found[0][0]


@pytest.mark.parametrize("seed", range(3))
def test_what_finds_no_new_item_changes_nothing(seed):
    target, table = planted(content=0.0, below=0.0, seed=seed)
    table[:, 3] = 0.0
    before = {"content:text": 0.25}
    weights, facts = chosen(target, table, before)
    assert weights == before
    assert facts["weights"] == {}


def share_of_places(table, bonus):
    """Share of the places in lists of ten that items without events have."""
    scores = table[:, 0] + bonus * UNSEEN
    return float(UNSEEN[scores.topk(10).indices].float().mean())


def test_few_targets_without_events_give_new_items_some_places():
    target, table = planted(content=3.0, below=6.0)
    few = (target <= KNOWN) | (np.cumsum(target > KNOWN) <= 19)
    target, table = target[few], table[few]
    weights, facts = chosen(target, table)
    assert share_of_places(table, 0.0) < COST / 2
    assert share_of_places(table, weights["unseen"]) == pytest.approx(COST, abs=0.001)
    assert facts == {
        "requests": 19,
        "weights": weights,
        "places": pytest.approx(COST, abs=0.001),
    } | {"cost": pytest.approx(0, abs=COST)}
    assert chosen(target, table, user=np.zeros(len(target)))[0] == weights
    half = chosen(target, table, cost=COST / 2)[0]["unseen"]
    assert share_of_places(table, half) == pytest.approx(COST / 2, abs=0.001)
    assert chosen(target, table, cost=0.0)[0] == {}
    none = target <= KNOWN
    assert chosen(target[none], table[none])[0]["unseen"] > 0


def test_few_new_items_have_all_the_places_that_they_can_have():
    target, table = planted(content=3.0, below=6.0)
    known = target <= KNOWN
    target, table = target[known], table[known]
    one = torch.arange(ITEMS + 1) == ITEMS  # the only new item that may be on a list
    table[:, 0, UNSEEN & ~one] = -torch.inf
    table[:, 3] = one
    found = [chosen(target, table, unseen=one, cost=cost) for cost in (0.05, 0.1, 0.5, 0.9)]
    shares = [facts["places"] for _, facts in found]
    assert shares[0] == pytest.approx(0.05, abs=0.01)
    assert shares[1:] == pytest.approx([0.1] * 3, abs=0.01)  # it is on every list
    constants = [weights["unseen"] for weights, _ in found]
    assert constants[0] < constants[1] <= constants[2] == constants[3]


def test_such_places_cost_others_little():
    """Where lists of others are right at their end, two places of a hundred cost too much."""
    target, table = planted(content=3.0, below=6.0, requests=200)
    few = target <= KNOWN
    target, table = target[few], table[few]
    table[:, 0, 0] = -torch.inf
    for row, item in enumerate(target):  # the target is the last of ten
        others = [n for n in range(1, KNOWN + 1) if n != item]
        table[row, 0, others[:9]], table[row, 0, item] = 9.0, 4.5
        table[row, 0, others[9:]] = table[row, 0, others[9:]].clamp(max=4.0)
    weights, facts = chosen(target, table)
    assert facts["cost"] <= COST
    assert facts["places"] == pytest.approx(share_of_places(table, weights["unseen"]))
    assert facts["places"] < COST / 5


def test_items_without_events_that_have_places_get_no_more():
    target, table = planted(content=0.0, below=0.0, requests=19)
    assert chosen(target, table)[0] == {}
    assert chosen(target, table, unseen=torch.zeros(ITEMS + 1, dtype=torch.bool))[0] == {}


def test_without_content_the_bonus_alone_may_change():
    target, table = planted(content=0.0, below=6.0)
    names, terms = ["successors", "unseen"], lambda rows: table[rows][:, [0, 2, 3]]
    weights, facts = choose_for_cold(terms, names, {}, target, np.arange(len(target)), UNSEEN)
    assert set(weights) <= {"unseen"}
    assert set(facts["weights"]) <= {"unseen"}


def test_the_best_of_some_items_are_candidates():
    table = torch.randn(20, 1, 4001, generator=torch.Generator().manual_seed(0))
    table[:, 0, 3000:] -= 9.0
    target = np.arange(1, 21)
    some = torch.zeros(table.shape[2], dtype=torch.bool)
    some[3000:3050] = True
    features, offset = candidates_of(lambda rows: table[rows], target, 0, some)
    for row in range(20):
        best = table[row, 0, 3000:3050].topk(25).values
        known = features[row, torch.isfinite(offset[row]), 0]
        assert torch.isin(best, known).all()


def test_where_most_targets_are_new_all_targets_count():
    """A feed: what few known items lose is less than what new ones gain."""
    target, table = planted(content=3.0, below=6.0, requests=400)
    rows = np.flatnonzero((target > KNOWN) | (np.arange(400) % 8 == 0))
    weights, _ = chosen(target[rows], table[rows], apart=True)
    before, after = (
        np.average(
            means(target[rows], table[rows], w),
            weights=[(target[rows] <= KNOWN).sum(), (target[rows] > KNOWN).sum()],
        )
        for w in ({}, weights)
    )
    assert after > before + 0.1


def test_new_targets_alone_are_enough():
    target, table = planted(content=3.0, below=6.0, requests=400)
    new = target > KNOWN
    table[:, 0, ~UNSEEN] -= 99.0  # no item with events is near
    weights, facts = chosen(target[new], table[new], apart=True)
    assert weights["new:text"] > 0
    assert "unseen" not in weights
    assert facts["cost"] == 0


def with_own(target, table, share, taste=0.0, seed=0):
    """The same requests with `learned`, of which `share` is true for new items, and `novelty`.

    It is 1 for some users, whose odds of a new item are higher: by `2 taste` in logarithms.
    """
    rng = np.random.default_rng(seed)
    rows, cold = np.arange(len(target)), UNSEEN.numpy()
    learned = rng.normal(size=(len(target), ITEMS + 1))
    learned[rows, target] += share
    table = table.clone()
    table[:, 0, cold] = torch.from_numpy(learned[:, cold]).float()
    likely = 1 / (1 + np.exp(-taste * np.where(cold[target], 1.0, -1.0)))
    novelty = (rng.random(len(target)) < likely)[:, None] * cold
    more = [torch.from_numpy(one).float() for one in (learned, novelty)]
    return torch.stack([table[:, 0], more[0], table[:, 1], more[1], *table[:, 2:].unbind(1)], 1)


OWN = ["learned", "content:text", "novelty", "successors", "unseen"]


def chosen_with_own(target, table, weights=None):
    given = lambda rows: table[rows], OWN, weights or {}, target, np.arange(len(target)), UNSEEN
    return choose_for_cold(*given, apart=True)


def test_new_items_have_the_likely_share_of_the_learned_score():
    target, table = planted(content=3.0, below=0.0, requests=2000)
    weights, _ = chosen_with_own(target, with_own(target, table, share=0.4))
    assert weights["new.learned"] == pytest.approx(0.4, abs=0.1)  # of two normal densities
    assert weights["new:text"] == pytest.approx(3.0, rel=0.1)
    weights, _ = chosen_with_own(target, with_own(target, table, share=1.0))
    assert "new.learned" not in weights


def test_novelty_is_for_those_who_take_new_items():
    target, table = planted(content=1.0, below=0.0, requests=2000)
    weights, _ = chosen_with_own(target, with_own(target, table, share=0.0, taste=2.0))
    assert weights["novelty"] > 1
    weights, _ = chosen_with_own(target, with_own(target, table, share=0.0, taste=0.0))
    assert "novelty" not in weights


def test_own_weights_are_not_taken_by_chance():
    """With some 30 targets without events, what is likely for them is no better for others."""
    for seed in range(8):
        target, table = planted(content=1.5, below=4.0, requests=120, seed=seed)
        table = with_own(target, table, share=1.0, seed=seed)
        weights, _ = chosen_with_own(target, table, {"content:text": 1.5})
        assert weights.keys() <= {"content:text", "unseen"}


def test_what_is_drawn_more_often_counts_less():
    """A feed, of which as many targets with events are drawn as others."""
    target, table = planted(content=3.0, below=6.0, requests=800)
    given = lambda rows: table[rows], NAMES, {}, target, np.arange(len(target)), UNSEEN
    few = choose_for_cold(*given, cost=0.0)[0].get("unseen", 0.0)
    many = choose_for_cold(*given, cost=0.0, share=0.95)[0]["unseen"]
    assert many > few + 1


def test_weights_of_new_items_stay_unless_others_are_better():
    target, table = planted(content=0.0, below=0.0, requests=200)
    given = NAMES, {}, target, np.arange(len(target)), UNSEEN
    kept = {"new": 0.37}
    weights, facts = choose_for_cold(lambda rows: table[rows], *given, apart=True, of_new=kept)
    assert weights == kept
    assert facts["weights"] == kept
    target, table = planted(content=3.0, below=6.0)
    given = NAMES, {}, target, np.arange(len(target)), UNSEEN
    bad = {"new": -9.0}
    weights, facts = choose_for_cold(lambda rows: table[rows], *given, apart=True, of_new=bad)
    assert weights["new:text"] > 0
    assert weights["new"] > bad["new"]


def test_weights_that_cost_too_much_do_not_stay():
    target, table = planted(content=3.0, below=6.0)
    given = NAMES, {}, target, np.arange(len(target)), UNSEEN
    fresh, _ = choose_for_cold(lambda rows: table[rows], *given)
    found, facts = choose_for_cold(lambda rows: table[rows], *given, of_new={"unseen": 9.0})
    assert found == fresh
    assert facts["cost"] < 0.1
