import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.baselines import pairs
from mmrec.baselines.pairs import Pairs, expand

EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=20)


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_shared_columns_are_counted_as_with_sets(events):
    row, column = (np.array([event[i] for event in events], dtype=np.int64) for i in (0, 1))
    made = Pairs.of(row, column, 5, 4)
    own = [{c for r, c in events if r == number} for number in range(5)]
    counts = np.concatenate([part for _, part in made.shared()])
    assert counts.tolist() == [[len(a & b) for b in own] for a in own]
    assert made.sizes.tolist() == [len(a) for a in own]
    flipped = made.flipped
    assert {*zip(flipped.column.tolist(), flipped.row.tolist(), strict=True)} == {*events}


@pytest.mark.parametrize("most", [1, 7, 10])
def test_few_cells_at_once_give_the_same(monkeypatch, most):
    draw = np.random.default_rng(0)
    made = Pairs.of(draw.integers(0, 6, 40), draw.integers(0, 9, 40), 6, 9)
    whole = np.concatenate([counts for _, counts in made.shared()])
    monkeypatch.setattr(pairs, "MAX_CELLS", most)
    parts = list(made.shared())
    assert len(parts) > 1
    assert np.concatenate([rows for rows, _ in parts]).tolist() == list(range(6))
    assert np.array_equal(np.concatenate([counts for _, counts in parts]), whole)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=6))
def test_ranges_are_expanded(ranges):
    starts, sizes = (np.array([r[i] for r in ranges], dtype=np.int64) for i in (0, 1))
    owner, at = expand(starts, sizes)
    expected = [(n, start + k) for n, (start, size) in enumerate(ranges) for k in range(size)]
    assert list(zip(owner.tolist(), at.tolist(), strict=True)) == expected
