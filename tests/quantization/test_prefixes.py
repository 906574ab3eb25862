import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.quantization import prefix_rows

CODES = st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=20)


@settings(deadline=None)
@given(CODES)
def test_rows_are_shared_exactly_by_equal_prefixes_where_there_is_room(codes):
    rows = prefix_rows(torch.tensor(codes), 6, 6**3)
    for level in range(3):
        place = rows[:, level].tolist()
        assert all(level * 216 <= row < (level + 1) * 216 for row in place)
        for first, here in zip(codes, place, strict=True):
            for second, there in zip(codes, place, strict=True):
                assert (here == there) == (first[: level + 1] == second[: level + 1])


@settings(deadline=None)
@given(CODES)
def test_equal_prefixes_share_a_row_where_there_is_none(codes):
    rows = prefix_rows(torch.tensor(codes), 6, 10)
    assert bool((rows >= torch.tensor([0, 10, 20])).all())
    assert bool((rows < torch.tensor([10, 20, 30])).all())
    for first, one in zip(codes, rows.tolist(), strict=True):
        for second, other in zip(codes, rows.tolist(), strict=True):
            if first == second:
                assert one == other


def test_a_hash_spreads_prefixes_evenly():
    codes = torch.cartesian_prod(*[torch.arange(32)] * 3)
    counts = torch.bincount(prefix_rows(codes, 32, 1024)[:, 2] - 2048, minlength=1024)
    assert counts.min() > 0
    assert counts.float().std() < 2 * 32**0.5  # that of independent draws is the root of the mean


def test_many_large_codes_do_not_overflow():
    codes = torch.full((1, 9), 2**20 - 1)
    rows = prefix_rows(codes, 2**20, 1000)
    assert rows.tolist()[0] == [level * 1000 + row for level, row in enumerate(slow(codes, 9))]


def slow(codes, levels):
    """The hash in Python's integers, which have no limit."""
    number, found = 0, []
    for code in codes[0, :levels].tolist():
        number = (number * 2**20 + code) % (2**31 - 1)
        found.append(number * 1_103_515_245 % (2**31 - 1) % 1000)
    return found
