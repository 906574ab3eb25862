"""Which items join a batch's pool beside its own, and with what probability.

A pool has two methods: ``draw(rng)`` gives items, ``log_inclusion(items)`` the log probability that
an item is among them, which :func:`mmrec.losses.softmax_loss` takes as ``log_q``.
"""

from mmrec.sampling.inclusion import union_log_inclusion
from mmrec.sampling.pools import (
    FullPool,
    InBatchPool,
    Pool,
    PopularityPool,
    UniformPool,
    UnionPool,
)

__all__ = [
    "FullPool",
    "InBatchPool",
    "Pool",
    "PopularityPool",
    "UniformPool",
    "UnionPool",
    "union_log_inclusion",
]
