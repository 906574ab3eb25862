import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data import Histories


@given(st.lists(st.lists(st.integers(1, 9), max_size=5), max_size=5))
def test_of_items_pads_on_the_right(rows):
    for made in (rows, [np.array(row, dtype=np.int64) for row in rows]):
        histories = Histories.of_items(made)
        steps = max([1, *map(len, rows)])
        assert len(histories) == len(rows)
        assert histories.items.shape == (len(rows), steps)
        for row, items, mask in zip(rows, histories.items, histories.mask, strict=True):
            assert items.tolist() == row + [0] * (steps - len(row))
            assert mask.tolist() == [True] * len(row) + [False] * (steps - len(row))
        assert histories.gap.eq(-1).all()  # unknown
        assert histories.event_type.eq(0).all()
        assert (histories.items.dtype, histories.gap.dtype, histories.event_type.dtype) == (
            torch.long,
            torch.float32,
            torch.long,
        )
