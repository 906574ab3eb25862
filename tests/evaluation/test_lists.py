import numpy as np
import pytest
import torch
from scipy.stats import entropy

from mmrec import metrics
from mmrec.data import Catalog, Interactions, split_by_time
from mmrec.evaluation import ItemFacts, describe_lists, rank_targets, slices_of_targets
from mmrec.evaluation.lists import history_categories

V, C = 20, 4
rng = np.random.default_rng(2)
LOG = Interactions(
    {
        "user_id": rng.integers(0, 30, 500),
        "item_id": np.where(
            np.arange(500) < 400, rng.integers(1, 16, 500), rng.integers(1, 21, 500)
        ),
        "timestamp": np.arange(500),
    }
)
SPLIT = split_by_time(LOG, Catalog({"item_id": range(1, V + 1)}))
SHARES = rng.dirichlet(np.ones(C), V + 1).astype(np.float32)
SHARES[[0, 3, 4]] = 0
FACTS = ItemFacts(
    torch.randn(V + 1, 6),
    SHARES,
    {"image": rng.random(V + 1) < 0.5, "text": np.arange(V + 1) > 2},
)


class Chance:
    table = torch.rand(V + 1, V + 1)

    def scores(self, histories):
        return self.table[histories.items[:, 0]]


def history_of(stop):
    return [
        SPLIT.sequences.item[p]
        for p in range(stop)
        if SPLIT.sequences.owner[p] == SPLIT.sequences.owner[stop]
    ]


@pytest.mark.parametrize("targets", ["per-step", "last", "all"])
def test_numbers_are_means_of_the_metrics(targets):
    ranks = rank_targets(Chance(), SPLIT, targets=targets, k=20)
    described = describe_lists(ranks, SPLIT, FACTS, k=10)
    top, counts = ranks.top[:, :10], torch.from_numpy(SPLIT.train_counts)
    assert described["gini@10"] == pytest.approx(float(metrics.gini(top, V)))
    expected = {
        "novelty@10": metrics.novelty(top, counts),
        "popularity@10": metrics.average_popularity(top, counts),
        "diversity@10": metrics.intra_list_diversity(top, FACTS.vectors),
        "popularity_of_targets": counts[ranks.target].float(),
    }
    for name, values in expected.items():
        assert described[name] == pytest.approx(values.mean().item(), rel=1e-5)
    divergences = []
    for stop, row in zip(ranks.stops, top.tolist(), strict=True):
        p, q = SHARES[history_of(stop)].sum(0), SHARES[row].sum(0)
        if p.sum() and q.sum():
            p, q = p / p.sum(), q / q.sum()
            divergences.append(entropy(p, 0.99 * q + 0.01 * p))
    assert divergences
    assert described["miscalibration@10"] == pytest.approx(np.mean(divergences), abs=1e-5)


def test_statistics_without_facts_are_left_out():
    ranks = rank_targets(Chance(), SPLIT)
    names = {"gini@10", "novelty@10", "popularity@10", "popularity_of_targets"}
    assert set(describe_lists(ranks, SPLIT)) == names
    assert describe_lists(ranks.where(np.zeros(len(ranks.rank), dtype=bool)), SPLIT) == {}


def test_history_categories_equal_a_loop():
    stops = SPLIT.targets("test")
    got = history_categories(SPLIT, stops, SHARES)
    for stop, row in zip(stops, got, strict=True):
        expected = SHARES[history_of(stop)].sum(0) if history_of(stop) else np.zeros(C)
        assert row.tolist() == pytest.approx(expected.tolist(), abs=1e-4)


@pytest.mark.parametrize("targets", ["per-step", "all"])
def test_slices_equal_a_loop(targets):
    ranks = rank_targets(Chance(), SPLIT, targets=targets)
    slices = slices_of_targets(ranks, SPLIT, FACTS)
    stops = ranks.stops if ranks.row is None else ranks.stops[ranks.row]
    lengths = [len(history_of(stop)) for stop in stops]
    expected = {
        "warm items": [SPLIT.train_counts[i] > 0 for i in ranks.target],
        "short histories (1 to 9)": [0 < length < 10 for length in lengths],
        "long histories (10 or more)": [length >= 10 for length in lengths],
        "first events": [length == 0 for length in lengths],
        "items with an image": [FACTS.has["image"][i] for i in ranks.target],
        "items without a text": [i <= 2 for i in ranks.target.tolist()],
    }
    for name, values in expected.items():
        if any(values):
            assert slices[name].tolist() == values, name
        else:
            assert name not in slices
    assert (slices["warm items"] ^ slices["cold items"]).all()
    assert all(0 < mask.sum() < len(mask) for mask in slices.values())


def test_where_keeps_the_lists_of_what_is_chosen():
    ranks = rank_targets(Chance(), SPLIT, targets="all")
    mask = np.arange(len(ranks.rank)) % 3 == 0
    chosen = ranks.where(mask)
    assert chosen.rank.equal(ranks.rank[mask])
    assert len(chosen.top) == len(chosen.stops) == len(set(ranks.row[mask]))
    for new, old in zip(chosen.row, ranks.row[mask], strict=True):
        assert chosen.top[new].equal(ranks.top[old])
        assert chosen.stops[new] == ranks.stops[old]
    assert chosen.per_list.gt(0).sum() == mask.sum()
