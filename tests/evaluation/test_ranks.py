from math import log2

import numpy as np
import pytest
import torch

from mmrec.data import Catalog, Interactions, split_by_time
from mmrec.evaluation import Ranks, rank_targets, summarize

V = 12
CATALOG = Catalog({"item_id": range(1, V + 1)})


def random_log(count=240, seed=0, items=V - 2):
    rng = np.random.default_rng(seed)
    return Interactions(
        {
            "user_id": rng.integers(0, 25, count),
            "item_id": rng.integers(1, items + 1, count),
            "timestamp": rng.integers(0, 60, count),
            "event": rng.choice(["view", "cart"], count),
        }
    )


SPLIT = split_by_time(random_log(), CATALOG)


class LastItem:
    """Scores that depend on the last item, with many ties."""

    table = torch.from_numpy(np.random.default_rng(5).integers(0, 6, (V + 1, V + 1)))

    def scores(self, histories):
        last = (histories.mask.sum(1, keepdim=True) - 1).clamp(min=0)
        return self.table[histories.items.gather(1, last)[:, 0]].float()


def test_summary_equals_the_formulas():
    ranks = rank_targets(LastItem(), SPLIT)
    found = [int(rank) for rank in ranks.rank]
    summary = summarize(ranks, V, ks=(3, 10))
    assert summary["targets"] == len(found)
    for k in (3, 10):
        gains = [1 / log2(1 + rank) if rank <= k else 0 for rank in found]
        assert summary[f"ndcg@{k}"] == pytest.approx(np.mean(gains))
        assert summary[f"hr@{k}"] == pytest.approx(np.mean([rank <= k for rank in found]))
        assert summary[f"mrr@{k}"] == pytest.approx(
            np.mean([1 / rank if rank <= k else 0 for rank in found])
        )
    shown = {item for row in ranks.top.tolist() for item in row if item}
    assert summary["coverage@10"] == pytest.approx(len(shown) / V)


def test_where_chooses_rows():
    ranks = rank_targets(LastItem(), SPLIT)
    mask = ranks.target.numpy() % 2 == 0
    chosen = ranks.where(mask)
    assert chosen.target.tolist() == [t for t in ranks.target.tolist() if t % 2 == 0]
    assert chosen.position.tolist() == ranks.position[mask].tolist()
    assert len(chosen.rank) == len(chosen.top) == mask.sum()
    assert summarize(ranks.where(np.zeros(len(mask), dtype=bool)), V) == {"targets": 0}


@pytest.mark.parametrize("targets", ["per-step", "all"])
def test_concatenated_parts_are_the_whole(targets):
    ranks = rank_targets(LastItem(), SPLIT, targets=targets)
    lists = np.arange(len(ranks.rank)) if ranks.row is None else ranks.row
    parts = [ranks.where(lists < 5), ranks.where(lists >= 5)]
    joined = Ranks.concatenate(parts)
    assert joined.rank.equal(ranks.rank)
    assert joined.top.equal(ranks.top)
    assert joined.position.tolist() == ranks.position.tolist()
    assert joined.stops.tolist() == ranks.stops.tolist()
    assert joined.per_list.equal(ranks.per_list)
