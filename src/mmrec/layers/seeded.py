"""Random numbers of a seed, which leave those outside as they are."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch's generators in a block, those of all GPUs too, and restore them at its end.

    Example:
        >>> state = torch.get_rng_state()
        >>> with seeded(0):
        ...     first = torch.rand(2)
        >>> torch.equal(torch.get_rng_state(), state)
        True
        >>> with seeded(0):
        ...     torch.equal(torch.rand(2), first)
        True
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
