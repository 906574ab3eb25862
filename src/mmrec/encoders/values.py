"""Values such as brands and directors as frozen vectors: what items have in common."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from jaxtyping import Float32


def value_vectors(values: Sequence[str], width: int) -> Float32[np.ndarray, "n width"]:
    """Return a vector of length 1 for each value; those of different values are nearly orthogonal.

    The numbers are ``width ** -0.5`` with signs that are the bits of a hash of the value. The
    product of two vectors has mean 0 and a standard deviation of ``width ** -0.5``. A value always
    has the same vector.

    Args:
        values: texts.
        width: columns, a multiple of 8, at most 512.

    References:
        Achlioptas, "Database-friendly random projections" (2003): random signs keep distances.

    Example:
        >>> oak, elm = value_vectors(["oak", "elm"], 128)
        >>> float((oak * oak).sum().round(4)), bool(abs((oak * elm).sum()) < 0.3)
        (1.0, True)
    """
    hashes = [
        blake2b(value.encode("utf-8", "surrogatepass"), digest_size=width // 8).digest()
        for value in values
    ]
    bits = np.unpackbits(np.frombuffer(b"".join(hashes), dtype=np.uint8)).reshape(-1, width)
    signs: Float32[np.ndarray, "n width"] = bits.astype(np.float32) * 2 - 1
    return signs / np.float32(width**0.5)
