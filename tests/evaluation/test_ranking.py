import os
from collections import Counter
from math import log2
from pathlib import Path

import numpy as np
import pytest
import torch

from mmrec.baselines import Markov, Popularity
from mmrec.data import Catalog, Interactions, leave_one_out, read_folder, split_by_time
from mmrec.evaluation import HistoryScorer, held_out, rank_targets, summarize

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


SPLITS = {
    "time": split_by_time(random_log(), CATALOG),
    "leave-one-out": leave_one_out(random_log(), CATALOG),
}


class LastItem:
    """Scores that depend on the last item, with many ties."""

    table = torch.from_numpy(np.random.default_rng(5).integers(0, 6, (V + 1, V + 1)))

    def scores(self, histories):
        last = (histories.mask.sum(1, keepdim=True) - 1).clamp(min=0)
        return self.table[histories.items.gather(1, last)[:, 0]].float()


def before(split, position):
    """The items of the user's events before ``position``, by a loop."""
    owner = split.sequences.owner
    return [int(split.sequences.item[e]) for e in range(position) if owner[e] == owner[position]]


@pytest.mark.parametrize("name", list(SPLITS))
@pytest.mark.parametrize("max_length", [1, 3, 100])
def test_held_out_histories_equal_a_loop(name, max_length):
    split = SPLITS[name]
    events, positions = split.sequences, []
    for batch in held_out(split, "test", max_length=max_length, batch_size=7):
        assert batch.histories.items.shape[1] <= max_length
        seen: dict[int, list[int]] = {}
        for row, item in batch.seen.T.tolist():
            seen.setdefault(row, []).append(item)
        for row, position in enumerate(batch.position.tolist()):
            history = before(split, position)
            kept = history[-max_length:]
            at = slice(position - len(kept), position)
            padding = [0] * (batch.histories.items.shape[1] - len(kept))
            assert batch.target[row] == events.item[position]
            assert batch.histories.items[row].tolist() == kept + padding
            assert batch.histories.gap[row].tolist() == events.gap[at].tolist() + padding
            assert (
                batch.histories.event_type[row].tolist() == events.event_type[at].tolist() + padding
            )
            assert batch.histories.mask[row].tolist() == [True] * len(kept) + [False] * len(padding)
            assert seen.get(row, []) == history
        positions += batch.position.tolist()
    assert sorted(positions) == split.targets("test").tolist()


@pytest.mark.parametrize("name", list(SPLITS))
@pytest.mark.parametrize("filter_seen", [True, False])
@pytest.mark.parametrize("part", ["valid", "test"])
def test_ranks_equal_a_loop(name, filter_seen, part):
    split, scorer = SPLITS[name], LastItem()
    assert isinstance(scorer, HistoryScorer)
    ranks = rank_targets(scorer, split, part, filter_seen=filter_seen, batch_size=9, k=5)
    assert sorted(ranks.position) == split.targets(part).tolist()
    for row, position in enumerate(ranks.position.tolist()):
        history = before(split, position)
        scores = scorer.table[history[-1] if history else 0].tolist()
        target = int(split.sequences.item[position])
        candidates = set(split.candidates.tolist()) - (set(history) if filter_seen else set())
        rank = 1 + sum(scores[i] >= scores[target] for i in candidates if i != target)
        assert ranks.target[row] == target
        assert ranks.rank[row] == (rank if target in candidates else V + 1)
        top = [item for item in ranks.top[row].tolist() if item]
        assert len(top) == len(set(top)) == min(5, len(candidates))
        assert set(top) <= candidates
        best = sorted((scores[item] for item in candidates), reverse=True)[: len(top)]
        assert [scores[item] for item in top] == best


def test_a_draw_of_events_is_the_same_each_time():
    split = SPLITS["time"]
    draws = [
        sorted(
            p for rows in held_out(split, "test", max_length=5, at_most=7) for p in rows.position
        )
        for _ in range(2)
    ]
    assert draws[0] == draws[1]
    assert len(set(draws[0])) == 7
    assert set(draws[0]) < set(split.targets("test"))
    everything = held_out(split, "test", max_length=5, at_most=10**6)
    assert sum(len(rows.target) for rows in everything) == len(split.targets("test"))


def test_batches_do_not_matter():
    split = SPLITS["time"]
    one, two = (rank_targets(LastItem(), split, batch_size=size) for size in (1, 1000))
    assert dict(zip(one.position, one.rank.tolist(), strict=True)) == dict(
        zip(two.position, two.rank.tolist(), strict=True)
    )


def test_places_without_a_candidate_are_empty():
    log = Interactions({"user_id": ["u"] * 3, "item_id": [1, 2, 3], "position": [0, 1, 2]})
    ranks = rank_targets(LastItem(), leave_one_out(log, CATALOG))
    assert ranks.top.tolist() == [[3, 0, 0]]
    assert ranks.rank.tolist() == [1]
    assert summarize(ranks, V)["coverage@10"] == pytest.approx(1 / V)


def test_a_scorer_of_another_catalogue_is_refused():
    log = Interactions({"user_id": ["u"] * 3, "item_id": [1, 2, 3], "position": [0, 1, 2]})
    split = leave_one_out(log, Catalog({"item_id": [1, 2, 3]}))
    with pytest.raises(
        ValueError, match=r"scores must be \(1, 4\), one column an index; got \(1, 13\)"
    ):
        rank_targets(LastItem(), split)


def test_equal_scores_for_all_items_rank_the_target_last():
    class Same:
        def scores(self, histories):
            return torch.ones(len(histories), V + 1)

    ranks = rank_targets(Same(), SPLITS["time"], filter_seen=False)
    assert ranks.rank.eq(V).all()


REFERENCE = {
    ("ml-100k-posters", Popularity): (0.0498, 0.0257),
    ("ml-100k-posters", Markov): (0.1506, 0.0825),
    ("ml-latest-small-posters", Popularity): (0.0443, 0.0211),
    ("ml-latest-small-posters", Markov): (0.0869, 0.0529),
}


@pytest.fixture(scope="module")
def five_core():
    if "MMREC_DATA" not in os.environ:
        pytest.skip("MMREC_DATA, the folder of the MovieLens folders, is not set")
    folder = Path(os.environ["MMREC_DATA"])
    splits = {}
    for name in {name for name, _ in REFERENCE}:
        data = read_folder(folder / name)
        splits[name] = leave_one_out(data.interactions, data.catalog, min_count=5)
    return splits


@pytest.mark.parametrize(("name", "baseline"), list(REFERENCE))
def test_reference_numbers(five_core, name, baseline):
    split = five_core[name]
    hit_rate, ndcg = REFERENCE[name, baseline]
    scorer = baseline().fit(split.until("valid"), split.catalog_size)
    ranks = []
    for rows in held_out(split, "test", max_length=200):
        scores = scorer.scores(rows.histories)
        target = scores.gather(1, rows.target[:, None]).clone()
        scores = scores.clone()
        scores[rows.seen[0], rows.seen[1]] = -torch.inf
        # The reference counts ties in favor of the target.
        ranks += (1 + (scores > target).sum(1)).tolist()
    hits = [rank for rank in ranks if rank <= 10]
    assert len(ranks) == Counter(split.part.tolist())[2]
    assert round(len(hits) / len(ranks), 4) == hit_rate
    assert round(sum(1 / log2(1 + rank) for rank in hits) / len(ranks), 4) == ndcg
    # Here ties count against the target, so no figure may be higher.
    ours = summarize(rank_targets(scorer, split), split.catalog_size)
    assert hit_rate - 0.005 < ours["hr@10"] <= hit_rate + 5e-5
    assert ndcg - 0.005 < ours["ndcg@10"] <= ndcg + 5e-5
