"""The learning rate that suits a log."""

import math

from mmrec.data import Split, windows
from mmrec.recommender.options import Options

DENSE = 3e-3
"""The rate for batches of 1,000 targets or more, as with 100 events a user."""

SPARSE = 1e-3
"""The least rate, as with 3 events a user."""

ENOUGH = 1000
"""Targets of a batch from which on the gradient is not too noisy for the larger rate."""


def learning_rate(split: Split, options: Options) -> float:
    """Return the learning rate: that of the options, or one by the density of the training part.

    A batch is a number of users' windows, so with few events a user its gradient is of few targets
    and noisy. The rate is ``.003 · sqrt(targets of a batch / 1000)``, from .001 to .003.

    Example:
        >>> from mmrec.data import Catalog, Interactions, leave_one_out
        >>> log = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
        >>> split = leave_one_out(Interactions(log), Catalog({"item_id": [*"abc"]}))
        >>> learning_rate(split, Options()), learning_rate(split, Options(lr=0.01))
        (0.001, 0.01)
    """
    if options.lr is not None:
        return options.lr
    cuts = windows(split.train, options.max_length)
    if not len(cuts):
        return DENSE
    targets = float((cuts[:, 1] - cuts[:, 0] - 1).mean()) * min(options.batch_size, len(cuts))
    return min(DENSE, max(SPARSE, DENSE * math.sqrt(targets / ENOUGH)))
