"""Which items join a batch's pool beside its own, and with what probability.

A pool has two methods: ``draw(rng)`` gives items, ``log_inclusion(items)`` the log probability that
an item is among them, which :func:`mmrec.losses.softmax_loss` takes as ``log_q``.
"""

from mmrec.sampling.inclusion import union_log_inclusion
from mmrec.sampling.samplers import (
    FullSampler,
    InBatchSampler,
    PopularitySampler,
    Sampler,
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
    "union_log_inclusion",
]
