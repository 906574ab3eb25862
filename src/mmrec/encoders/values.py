"""Values such as brands and directors as frozen vectors: what items have in common."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from jaxtyping import Float32


def value_vectors(values: Sequence[str], width: int) -> Float32[np.ndarray, "n D"]:
    """Return a vector of each value; those of different values are orthogonal, or nearly so.

    If there are no more than ``width`` values, each has a column of its own, so ``D = n``. Else
    each has a random vector of ``D = width`` normal numbers, drawn from a seed that is a hash of
    the value: the product of two has mean 0 and a standard deviation of ``width ** -0.5``, and that
    of a vector with itself is 1 on average.

    Args:
        values: different texts.
        width: most columns.

    References:
        Johnson and Lindenstrauss, "Extensions of Lipschitz mappings into a Hilbert space" (1984).

    Example:
        >>> value_vectors(["oak", "pine"], 8)
        array([[1., 0.],
               [0., 1.]], dtype=float32)
        >>> value_vectors(["oak", "pine", "ash"], 2).shape
        (3, 2)
    """
    if len(values) <= width:
        return np.eye(len(values), dtype=np.float32)
    drawn = np.empty((len(values), width), dtype=np.float32)
    for row, value in enumerate(values):
        seed = crc32(value.encode("utf-8", "surrogatepass"))
        drawn[row] = np.random.default_rng(seed).standard_normal(width, dtype=np.float32)
    return drawn / np.float32(width**0.5)
