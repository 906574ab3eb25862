import numpy as np
import pytest
import torch

from mmrec.baselines import Popularity
from mmrec.data import Catalog, Interactions, leave_one_out
from mmrec.evaluation import rank_targets
from mmrec.evaluation.rank_buffer import MAX_SCORES, RankBuffer, rows_at_once, separate_ties
from mmrec.metrics import rank_of_target

V = 20


def split_of(core=0):
    rng = np.random.default_rng(0)
    log = {"user_id": rng.integers(0, 9, 80), "item_id": rng.integers(1, 15, 80)}
    catalog = Catalog({"item_id": range(1, V + 1)})
    return leave_one_out(Interactions(log | {"position": range(80)}), catalog, min_count=core)


SPLIT = split_of()


def case(seed, values=None):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(6, V + 1, generator=generator)
    if values is not None:
        scores = torch.tensor(values)[torch.randint(len(values), (6, V + 1), generator=generator)]
    target = torch.randint(1, V + 1, (6,), generator=generator)
    seen = torch.randint(1, V + 1, (2, 12), generator=generator) % torch.tensor([[6], [V + 1]])
    return scores, target, seen


@pytest.mark.parametrize(
    "values", [None, [0.0, 1.0], [-torch.inf, -1.0], [torch.inf, -torch.inf, 2.0], [-torch.inf]]
)
@pytest.mark.parametrize("filtered", [True, False])
def test_ranks_equal_those_of_a_mask(values, filtered):
    for seed in range(5):
        scores, target, seen = case(seed, values)
        buffer = RankBuffer(SPLIT, 8, scores.device)
        chosen = seen if filtered else None
        before = scores.clone()
        buffer.load(scores, chosen)
        exclude = buffer.exclusion_mask(6, chosen)
        assert buffer.ranks_of(target, None).equal(rank_of_target(scores, target, exclude))
        top = buffer.top_items(5)
        assert scores.equal(before)
        assert top.gt(0).all()
        assert not exclude.gather(1, top).any()
        best = scores.masked_fill(exclude, -torch.inf).topk(5).values
        assert scores.gather(1, top).equal(best)


def test_a_nan_score_is_named_unless_it_is_padding():
    scores = case(0)[0]
    scores[:, 0] = torch.nan
    buffer = RankBuffer(SPLIT, 6, scores.device)
    buffer.load(scores, None)
    buffer.top_items(3)
    scores[2, int(SPLIT.candidates[4])] = torch.nan
    buffer.load(scores, None)
    with pytest.raises(ValueError, match=f"NaN in row 2, item {SPLIT.candidates[4]}"):
        buffer.top_items(3)


def test_the_scores_of_a_million_items_stay_small():
    for size in (10, 10_000, 20_000, 1_000_000):
        rows = rows_at_once(size)
        assert 16 <= rows <= 256
        assert rows == 16 or rows * (size + 1) <= MAX_SCORES


def test_rows_of_a_batch_do_not_matter():
    scorer = Popularity().fit(SPLIT.train, V)
    for targets in ("per-step", "last", "all"):
        found = [
            dict(zip(ranks.position.tolist(), ranks.rank.tolist(), strict=True))
            for ranks in (
                rank_targets(scorer, SPLIT, targets=targets, batch_size=size)
                for size in (1, 2, None)
            )
        ]
        assert found[0] == found[1] == found[2]


def test_tied_targets_of_a_row_have_ranks_of_their_own():
    row = np.array([0, 0, 0, 1, 1])
    score = torch.tensor([1.0, 2.0, 1.0, 1.0, 1.0])
    count = torch.tensor([7, 2, 7, 4, 4])  # other items of their score are before them
    assert separate_ties(count, score, row).tolist() == [6, 2, 7, 3, 4]
