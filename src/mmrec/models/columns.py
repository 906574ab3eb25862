"""What is scored of a batch's pool in training: the candidates, and each row's own target."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.data import Batch
from mmrec.scoring import RetrievalScorer


class Columns(NamedTuple):
    """The scores of a batch.

    Attributes:
        logits: the scores, ``(N, C)``.
        target: column of each row's target, ``(N,)``.
        candidates: columns that are candidates, ``(C,)``.
        log_q: log probability that a column's item is drawn into a pool, ``(C,)``.
        slots: pool slot of each column, ``(C,)``.
        items: catalogue index of each column, ``(C,)``.
    """

    logits: Float[Tensor, "N C"]
    target: Int[Tensor, " N"]
    candidates: Bool[Tensor, " C"]
    log_q: Float[Tensor, " C"]
    slots: Int[Tensor, " C"]
    items: Int[Tensor, " C"]


def score_columns(
    scorer: RetrievalScorer,
    batch: Batch,
    states: Float[Tensor, "N H"],
    target: Int[Tensor, " N"],
    vectors: Float[Tensor, "P D"],
) -> Columns:
    """Return the scores of all slots of a pool, or of those alone that a loss reads.

    All slots are scored if every target is a candidate, as those of a batch are by default. If
    candidates are drawn without regard to the batch, most slots hold history alone. Then the
    columns are padding, the candidates, labeled negatives, and one in which each row has the score
    of its own target, for targets that are none of these.

    Args:
        scorer: the retrieval scorer.
        batch: gives the candidates and the labeled negatives.
        states: the interest before each target.
        target: pool slot of each target.
        vectors: the vector of every slot.
    """
    pool = batch.pool
    if bool(pool.candidates[target].all()):
        slots = torch.arange(len(pool), device=target.device)
        logits = scorer(states, vectors)
        return Columns(logits, target, pool.candidates, pool.log_q, slots, pool.items)
    scored = pool.candidates.clone()
    scored[0] = True
    if batch.below is not None:
        scored[batch.below.flatten()] = True
    slots = scored.nonzero().squeeze(1)
    own = scorer.index_queries(states) * F.embedding(target, scorer.index_vectors(vectors))
    logits = torch.cat([scorer(states, vectors[slots]), own.sum(1, keepdim=True)], dim=1)
    column = torch.where(scored[target], scored.cumsum(0)[target] - 1, len(slots))
    slots = F.pad(slots, (0, 1))  # the last column has no slot, and is never a candidate
    of = pool.candidates[slots], pool.log_q[slots], slots, pool.items[slots]
    return Columns(logits, column, *of)
