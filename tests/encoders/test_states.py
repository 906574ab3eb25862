import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrec.encoders import HiddenStates

WIDTH = 3


def made(counts):
    """Values of some tokens; a number says of which value and token it is."""
    tables, rows = {}, []
    for value, count in enumerate(counts):
        rows.append(len(tables.get(count, ())) if count else -1)
        if count:
            states = 100 * value + np.arange(count * WIDTH, dtype=np.float32)
            tables.setdefault(count, []).append(states)
    tables = {count: np.stack(found) for count, found in tables.items()}
    return HiddenStates(tables, np.array(counts), np.array(rows), (WIDTH,))


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=8),
    st.lists(st.integers(0, 99), min_size=1, max_size=12),
)
def test_states_of_any_values_in_any_order(counts, drawn):
    positions = [place % len(counts) for place in drawn]
    inputs = made(counts)(positions)
    length = max(1, *(counts[i] for i in positions))
    assert inputs["states"].shape == (len(positions), length, WIDTH)
    for row, value in enumerate(positions):
        count = counts[value]
        assert inputs["attention_mask"][row].tolist() == [1] * count + [0] * (length - count)
        expected = 100 * value + np.arange(count * WIDTH).reshape(count, WIDTH)
        assert inputs["states"][row, :count].tolist() == expected.tolist()
        assert not inputs["states"][row, count:].any()


@pytest.mark.parametrize("counts", [[2, 0, 1], [0]])
def test_pickled(counts):
    states = made(counts)
    again = pickle.loads(pickle.dumps(states))
    assert torch.equal(again([0])["states"], states([0])["states"])
    assert again.nbytes == states.nbytes == sum(counts) * WIDTH * 4


def test_states_of_images_have_no_mask():
    table = {2: np.arange(24, dtype=np.float32).reshape(1, 24)}
    states = HiddenStates(table, np.array([2]), np.array([0]), (3, 4), masked=False)
    inputs = states([0, 0])
    assert list(inputs) == ["states"]
    assert torch.equal(inputs["states"][1], torch.arange(24.0).reshape(2, 3, 4))
