import numpy as np
import torch

from mmrec.data import Histories
from mmrec.realtime.learning.candidates import draw_pool
from mmrec.realtime.learning.examples import Examples

COUNTS = torch.tensor([0.0, 16.0, 9.0, 4.0, 1.0, 0.0, 0.0])


def example():
    one = torch.tensor([1])
    return Examples(one, Histories.of_items([[6, 2]]), torch.tensor([5]), one, one)


def test_the_pool_has_what_is_read_and_only_drawn_items_are_candidates():
    for seed in range(20):
        pool = draw_pool(example(), COUNTS, 2, np.random.default_rng(seed))
        items = pool.items.tolist()
        assert items == sorted(set(items))
        assert {0, 2, 5, 6} <= set(items)
        drawn = set(pool.items[pool.candidates].tolist())
        assert drawn <= {1, 2, 3, 4}
        assert set(items) == drawn | {0, 2, 5, 6}


def test_log_q_is_how_often_an_item_is_drawn():
    repeats, drawn = 1500, np.zeros(len(COUNTS))
    for seed in range(repeats):
        pool = draw_pool(example(), COUNTS, 2, np.random.default_rng(seed))
        drawn[pool.items[pool.candidates].numpy()] += 1
        told = dict(zip(pool.items.tolist(), pool.log_q.exp().tolist(), strict=True))
        for item in pool.items[pool.candidates].tolist():
            once = COUNTS[item].sqrt().item() / 10  # drawn by the root of the count
            np.testing.assert_allclose(told[item], 1 - (1 - once) ** 2, rtol=1e-5)
    expected = 1 - (1 - COUNTS.sqrt().numpy() / 10) ** 2
    np.testing.assert_allclose(drawn / repeats, expected, atol=0.06)
