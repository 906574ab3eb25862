"""The optimizer and the schedule of its learning rate."""

import math
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from mmrec.encoders.protocol import reads_raw_values
from mmrec.models import ClickModel, SequentialModel


def build_optimizer(
    model: SequentialModel | ClickModel,
    lr: float,
    encoder_lr: float,
    weight_decay: float,
    *,
    loss: Any = None,
    fused: bool = False,
) -> AdamW:
    """Return AdamW (arXiv 1711.05101) with ``encoder_lr`` for text and image models.

    Parameters with one axis (biases, norms, missing vectors) have no weight decay. Frozen
    parameters are left out. Those of a ``loss`` that is a module are trained too. ``fused`` updates
    all parameters in one pass: the arithmetic is the same and it is several times faster, but in
    mixed precision the trainer cannot clip gradients with it.
    """
    heavy = {
        id(parameter)
        for encoder in model.items.encoders.values()
        if reads_raw_values(encoder)
        for parameter in encoder.parameters()
    }
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    own = loss.parameters() if isinstance(loss, nn.Module) else ()
    for parameter in chain(model.parameters(), own):
        if parameter.requires_grad:
            rate = encoder_lr if id(parameter) in heavy else lr
            decay = weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return AdamW(
        [
            {"params": parameters, "lr": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ],
        fused=fused or None,
    )


def warmup_cosine(optimizer: torch.optim.Optimizer, steps: int, warmup: float) -> LambdaLR:
    """Return a schedule: a linear rise over the share ``warmup`` of ``steps``, then a half cosine.

    The cosine ends at a tenth of the learning rate. Source: arXiv 1608.03983.
    """
    rising = max(int(steps * warmup), 1)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        progress = min((step - rising) / max(steps - rising, 1), 1.0)
        return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * progress))

    return LambdaLR(optimizer, factor)
