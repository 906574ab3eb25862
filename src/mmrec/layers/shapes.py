"""Error messages for tensors of a wrong shape."""

from collections.abc import Sequence

import torch
from torch import Tensor

Size = int | torch.SymInt
"""The length of an axis; in a graph that is being traced it is a symbol."""


def check_shape(
    what: str, tensor: Tensor, shape: Sequence[Size | str], *, dtype: torch.dtype | None = None
) -> None:
    """Raise a ``ValueError`` unless ``tensor`` has a shape.

    It compares sizes alone: it does not wait for a device, and a graph can be traced through it.

    Args:
        what: the start of the message, such as "a GRU expects vectors".
        tensor: the tensor to check.
        shape: the size of each axis, or a name for one that may have any size.
        dtype: the type of the elements; None for any.

    Raises:
        ValueError: ``tensor`` is not a tensor, or has another shape or type.

    Example:
        >>> check_shape("a GRU expects vectors", torch.ones(3, 8), ("batch", "time", 8))
        Traceback (most recent call last):
        ...
        ValueError: a GRU expects vectors of shape (batch, time, 8); got (3, 8)
    """
    if not isinstance(tensor, Tensor):
        raise ValueError(f"{what} as a tensor; got {type(tensor).__name__}")
    fits = len(tensor.shape) == len(shape) and all(
        isinstance(wanted, str) or wanted == size
        for wanted, size in zip(shape, tensor.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(map(str, shape)) + "," * (len(shape) == 1)
        raise ValueError(f"{what} of shape ({wanted}); got {tuple(tensor.shape)}")
    if dtype is not None and tensor.dtype != dtype:
        raise ValueError(f"{what} of type {dtype}; got {tensor.dtype}")
