"""Batch norms folded into the convolutions before them, for frozen encoders."""

from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval


@torch.inference_mode()
def folded(encoder: nn.Module, sample: Tensor) -> nn.Module:
    """Return a copy of a frozen encoder with batch norms folded into convolutions.

    In eval mode a batch norm scales and shifts each channel. The convolution before it can do the
    same at no cost (Jacob et al., arXiv 1712.05877, section 3.2). The order of a module's children
    decides which convolution precedes a norm. ``forward`` may use another order, so the outputs for
    a sample are compared: if they differ, the encoder itself is returned.

    Args:
        encoder: an encoder in eval mode; it is not changed.
        sample: inputs of the encoder.

    Example:
        >>> encoder = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
        >>> folded(encoder, torch.randn(2, 3, 8, 8))
        Sequential(
          (0): Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1))
          (1): Identity()
          (2): ReLU()
        )
    """
    if not any(_norms(encoder)):
        return encoder
    copy = deepcopy(encoder)
    for parent, before, after in list(_norms(copy)):
        convolution, norm = getattr(parent, before), getattr(parent, after)
        setattr(parent, before, fuse_conv_bn_eval(convolution, norm))
        # timm's norms contain an activation; their dropout does nothing in eval mode.
        setattr(parent, after, getattr(norm, "act", nn.Identity()))
    expected, found = encoder(sample), copy(sample)
    close = torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    return copy if close else encoder


def _norms(module: nn.Module) -> Iterator[tuple[nn.Module, str, str]]:
    """Yield the parent and names of each convolution that is followed by a batch norm."""
    for parent in module.modules():
        for (before, first), (after, second) in pairwise(parent.named_children()):
            if isinstance(first, nn.Conv2d) and isinstance(second, _BatchNorm):
                yield parent, before, after
