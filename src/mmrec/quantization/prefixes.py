"""Prefixes of codes as rows of a table: what items share."""

from jaxtyping import Int
from torch import Tensor, stack, zeros_like

PRIME = 2**31 - 1
FACTOR = 1_103_515_245


def prefix_rows(codes: Int[Tensor, "N L"], size: int, buckets: int) -> Int[Tensor, "N L"]:
    """Return a row of a table of ``L * buckets`` rows for each prefix of the codes.

    Level ``l`` has the rows from ``l * buckets`` on. A level that has no more prefixes than rows
    gives each its own. Of other levels a hash chooses the row, so different prefixes may share one.

    Args:
        codes: from 0 to ``size - 1``.
        size: codes in a level.
        buckets: rows of a level.

    References:
        Carter and Wegman, "Universal classes of hash functions" (1979); Singh et al., "Better
        generalization with semantic IDs" (2023), arXiv 2306.08121.

    Example:
        >>> from torch import tensor
        >>> prefix_rows(tensor([[0, 1], [0, 2], [1, 1]]), size=4, buckets=16)
        tensor([[ 0, 17],
                [ 0, 18],
                [ 1, 21]])
    """
    number, rows = zeros_like(codes[:, 0]), []
    for level in range(codes.shape[1]):
        number = (number * size + codes[:, level]) % PRIME  # all below 2^62
        known = size ** (level + 1) <= buckets
        place = number if known else number * FACTOR % PRIME % buckets
        rows.append(level * buckets + place)
    return stack(rows, dim=1)
