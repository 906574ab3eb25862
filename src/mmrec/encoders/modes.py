"""Running a model in evaluation mode for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode; afterwards each part has its own mode again.

    ``module.train()`` would be another thing: a pretrained model comes in evaluation mode, inside
    of an encoder in training mode.

    Example:
        >>> module = nn.Sequential(nn.Dropout().eval(), nn.Dropout())
        >>> with evaluating(module):
        ...     module[1].training
        False
        >>> [part.training for part in module]
        [False, True]
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
