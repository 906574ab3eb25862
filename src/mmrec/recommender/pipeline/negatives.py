"""The loss and the negatives of a recipe, made for a split."""

from copy import deepcopy
from typing import Any

import numpy as np
from torch import nn

from mmrec.data import Split, windows
from mmrec.losses import Loss
from mmrec.recommender.options import Options
from mmrec.recommender.parts import SLOTS
from mmrec.recommender.pipeline.assemble import Recipe
from mmrec.recommender.pipeline.probe import check_loss, check_sampler
from mmrec.sampling import Sampler

DRAWN = 2048
"""Negatives that are drawn for a batch by default."""

ENCODED = 512
"""The same if text or image models are trained, since each one is encoded in each step."""


def make_loss(recipe: Recipe) -> Loss:
    """Return the loss of a recipe; a class is called without arguments.

    A module is copied, since its weights are trained: each training begins with those that were
    given.

    Raises:
        ValueError: a call of it does not return one finite number, or it has weights that would not
            be trained.
    """
    loss: Loss = SLOTS["loss"].create(recipe.of("loss"), {})
    check_loss(loss)
    return deepcopy(loss) if isinstance(loss, nn.Module) else loss


def make_sampler(
    recipe: Recipe, options: Options, split: Split, *, trains_encoders: bool = False
) -> Sampler:
    """Return the sampler of a recipe; mmrec's samplers draw no item without training events.

    Raises:
        ValueError: a draw of it is not what a batch needs.
    """
    known = known_negatives(options, split) | {"trains_encoders": trains_encoders}
    if options.pool_size is None and trains_encoders:
        known["size"] = ENCODED
    sampler: Sampler = SLOTS["negatives"].create(recipe.of("negatives"), known)
    check_sampler(sampler, split.catalog_size)
    return sampler


def known_negatives(options: Options, split: Split) -> dict[str, Any]:
    """Return the arguments that factories of samplers may take.

    ``items`` are the trained items, ``counts`` the training events of every catalogue index,
    ``size`` is the number of draws, ``positions`` the mean number of targets in a batch.
    ``trains_encoders``, whether text or image models are trained, is added by the caller.
    """
    spans = windows(split.train, options.max_length)
    steps = (spans[:, 1] - spans[:, 0] - 1).mean() if len(spans) else 1
    return {
        "items": np.flatnonzero(split.train_counts),
        "counts": split.train_counts,
        "size": options.pool_size or DRAWN,
        "positions": max(round(options.batch_size * steps), 1),
    }
