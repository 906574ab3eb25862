"""Samplers: which items join a batch's pool as negatives, and with what probability.

:class:`Sampler` is the contract. A pool is a set, so a sampled softmax is corrected by the
probability of *inclusion*: an item that is drawn five times is in the pool once.

A sampler draws in the workers that load batches, where there is no model. Negatives that are hard
for the model are chosen among those drawn by a loss, :func:`mmrec.losses.hard_bpr_loss`.
"""

from mmrec.sampling.inclusion import union_log_inclusion
from mmrec.sampling.protocol import Sampler, takes_targets
from mmrec.sampling.samplers import (
    FullSampler,
    InBatchSampler,
    PopularitySampler,
    UniformSampler,
    UnionSampler,
)

__all__ = [
    "FullSampler",
    "InBatchSampler",
    "PopularitySampler",
    "Sampler",
    "UniformSampler",
    "UnionSampler",
    "takes_targets",
    "union_log_inclusion",
]
