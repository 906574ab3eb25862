"""Checks of arguments that all indexes share."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def check_keys(keys: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
    """Return the keys on the CPU.

    Raises:
        ValueError: if a key is not positive or is repeated.

    Example:
        >>> check_keys(torch.tensor([3, 1]))
        tensor([3, 1])
    """
    keys = keys.detach().to("cpu", torch.long)
    ordered = keys.sort().values
    if len(ordered) and ordered[0] < 1:
        raise ValueError(f"an index expects keys of 1 or more (0 is padding); got {ordered[0]}")
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated):
        raise ValueError(
            f"an index expects each key once in a call; got {repeated[0]} more than once"
        )
    return keys


def check_vectors(
    vectors: Float[Tensor, "rows width"], dim: int, count: int | None = None
) -> Float[Tensor, "rows width"]:
    """Return the vectors in float32, on the CPU and without gradients.

    Args:
        vectors: (N, D) item vectors, or (B, D) interests.
        dim: width of the index, D.
        count: expected number of vectors; None accepts any.

    Raises:
        ValueError: if the width or the number is wrong, or a value is not finite.
    """
    if vectors.shape[1] != dim:
        raise ValueError(f"this index expects vectors of width {dim}; got {vectors.shape[1]}")
    if count is not None and len(vectors) != count:
        raise ValueError(f"an index expects one vector per key; got {len(vectors)} for {count}")
    vectors = vectors.detach().to("cpu", torch.float32)
    # One sum is faster than a mask of all values, and NaN and infinity always show in it.
    # A sum of finite values may overflow, so the values are checked only then.
    if not vectors.sum().isfinite() and not vectors.isfinite().all():
        raise ValueError("an index expects finite vectors; got a NaN or an infinity")
    return vectors


def check_presence(keys: Sequence[int], held: Sequence[bool], *, present: bool) -> None:
    """Refuse keys of which one is absent, or present.

    Args:
        keys: the keys.
        held: whether the index holds the item of each key.
        present: what ``held`` must be.

    Raises:
        ValueError: if ``held`` is not ``present`` for every key.
    """
    for key, holds in zip(keys, held, strict=True):
        if holds != present:
            raise ValueError(
                f"this index has no item {key}" if present else f"this index has item {key} already"
            )


def check_search(
    rows: int,
    k: int,
    exclude: Sequence[Tensor | np.ndarray] | None,
    allow: Bool[Tensor, " keys"] | None,
) -> tuple[list[Int[Tensor, " _"]] | None, Bool[Tensor, " keys"] | None]:
    """Return the filters of a search on the CPU; None for ``exclude`` if it excludes nothing.

    Raises:
        ValueError: if k is below 1, or ``exclude`` does not have one entry per row.
    """
    if k < 1:
        raise ValueError(f"a search expects a k of 1 or more; got {k}")
    if exclude is not None and len(exclude) != rows:
        raise ValueError(f"exclude expects keys for each of {rows} rows; got {len(exclude)}")
    seen = None
    if exclude is not None and any(len(keys) for keys in exclude):
        seen = [torch.as_tensor(keys, device="cpu").long() for keys in exclude]
    return seen, None if allow is None else allow.cpu()


def allowed(keys: Int[Tensor, " N"], allow: Bool[Tensor, " keys"]) -> Bool[Tensor, " N"]:
    """Return whether each key may come back; a key beyond the end of ``allow`` may not.

    Example:
        >>> allowed(torch.tensor([2, 9, 1]), torch.tensor([False, False, True]))
        tensor([ True, False, False])
    """
    if not len(allow):
        return torch.zeros_like(keys, dtype=torch.bool)
    return allow[keys.clamp(max=len(allow) - 1)] & (keys < len(allow))
