"""Training in several processes: the candidates of each are negatives for the targets of all."""

from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmrec.data import ItemPool
from mmrec.layers import at_least_float32
from mmrec.losses import Output
from mmrec.scoring import RetrievalScorer


def several_processes() -> bool:
    """Return whether training runs in several processes."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def join(output: Output, pool: ItemPool, scorer: RetrievalScorer) -> tuple[Output, float]:
    """Return an output with the candidates of all processes, and a factor of its loss.

    An item counts once, even if several processes drew it. The gradient of an item of another
    process is sent back to the process that encoded it. Only vectors that some process lacks are
    sent, so none are if all processes have the same pool.

    Every process must call this in the same step, and then backpropagate a loss of
    ``output.logits``.

    Args:
        output: the model's output for the pool.
        pool: the pool of the batch.
        scorer: the model's retrieval scorer.

    Returns:
        The output, to which E candidates of other processes are appended as slots, in ``vectors``,
        and as columns; and a factor of this process's mean over its targets. With it, the mean over
        processes of losses and gradients, as DDP computes it, is the mean over all targets. In one
        process, the output as it is and 1.

    References:
        Radford et al., "Learning Transferable Visual Models From Natural Language Supervision"
        (arXiv 2103.00020), which uses the in-batch negatives of all devices.
    """
    if not several_processes():
        return output, 1.0
    items = output.items
    pools = _all_pools(items, output)
    extra = _lacking(output.vectors[output.slots], pools)
    places = torch.searchsorted(pools.union, items).clamp(max=len(pools.union) - 1)
    candidates = (pools.union[places] == items) & (items > 0)
    log_q = torch.where(candidates, pools.log_q[places], 0.0)
    missing = ~pools.held[dist.get_rank()]
    # A target that other processes alone have drawn is in their column, not in that of targets.
    own = pool.items[output.positives]
    at = torch.searchsorted(pools.union, own).clamp(max=len(pools.union) - 1)
    theirs = (pools.union[at] == own) & missing[at]
    column = len(items) - 1 + missing.cumsum(0)[at]
    output = output._replace(target=torch.where(theirs, column, output.target))
    if extra is not None:
        slots = torch.arange(len(extra), device=items.device) + len(output.vectors)
        output = output._replace(
            logits=torch.cat([output.logits, scorer(output.states, extra)], dim=1),
            vectors=torch.cat([output.vectors, extra]),
            slots=torch.cat([output.slots, slots]),
            items=torch.cat([items, pools.union[missing]]),
        )
    others = torch.ones_like(pools.union[missing], dtype=torch.bool)
    log_q = torch.cat([log_q, pools.log_q[missing]]).to(output.log_q.dtype)
    output = output._replace(candidates=torch.cat([candidates, others]), log_q=log_q)
    return output, pools.weight


def keep_in_graph(loss: Tensor, module: nn.Module) -> Tensor:
    """Return ``loss`` with a graph that contains every trained parameter.

    DDP waits for the gradient of every parameter in every process, but an encoder without inputs in
    a batch would have none.
    """
    trained = [parameter.sum() for parameter in module.parameters() if parameter.requires_grad]
    return loss + 0.0 * torch.stack([value.to(loss) for value in trained]).sum()


class _Pools(NamedTuple):
    """What all W processes score; ``union`` has the U candidates of any process, ascending."""

    own: Int[Tensor, " C"]
    union: Int[Tensor, " U"]
    log_q: Float[Tensor, " U"]
    held: Bool[Tensor, "W U"]  # True where the process scores the item
    owner: Int[Tensor, " U"]  # the first process that has the item as a candidate
    weight: float


def _all_pools(scored: Int[Tensor, " C"], output: Output) -> _Pools:
    """All-gather the items of columns and their log_q, in two small messages."""
    world, device, targets = dist.get_world_size(), scored.device, len(output.target)
    sizes = _gathered(torch.tensor([len(scored), targets], device=device))
    # float64 represents catalogue indices exactly.
    rows = torch.stack([scored.double(), output.candidates.double(), output.log_q.double()])
    lists = _gathered(F.pad(rows, (0, int(sizes[:, 0].max()) - len(scored))))
    items, chosen = lists[:, 0].long(), lists[:, 1] > 0
    union, inverse = items[chosen].unique(return_inverse=True)
    log_q = torch.zeros(len(union), dtype=torch.float64, device=device)
    log_q[inverse] = lists[:, 2][chosen]
    drawn = torch.zeros(world, len(union), dtype=torch.long, device=device)
    drawn[chosen.nonzero()[:, 0], inverse] = 1
    return _Pools(
        own=scored,
        union=union,
        log_q=_in_any(log_q, world),
        held=torch.stack([torch.isin(union, row) for row in items]),
        owner=drawn.argmax(0),
        weight=world * targets / max(int(sizes[:, 1].sum()), 1),
    )


def _lacking(vectors: Float[Tensor, "C D"], pools: _Pools) -> Float[Tensor, "E D"] | None:
    """Return the vectors of the candidates this process lacks; None if no process lacks any."""
    needed = (~pools.held.all(0)).nonzero().squeeze(-1)
    if not len(needed):
        return None
    rank, owner = dist.get_rank(), pools.owner[needed]
    sends = F.one_hot(owner, dist.get_world_size())
    order = pools.own.argsort()
    wanted = pools.union[needed[owner == rank]]
    slots = order[torch.searchsorted(pools.own[order], wanted)]
    room = int(sends.sum(0).max()) - len(slots)
    sent = F.pad(at_least_float32(vectors[slots]), (0, 0, 0, room))
    received: Tensor = _GatherRows.apply(sent)
    place = sends.cumsum(0).gather(1, owner.unsqueeze(1)).squeeze(1) - 1
    # A process that lacks none selects no rows, but still takes part in the backward pass.
    mine = ~pools.held[rank][needed]
    return received[owner[mine], place[mine]].to(vectors.dtype)


class _GatherRows(torch.autograd.Function):
    """All-gathers ``(K, D)`` to ``(W, K, D)``; returns gradients to the process of the rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        return _gathered(rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()
        dist.all_reduce(gradient, group=_group(dist.group.WORLD))
        return gradient[dist.get_rank()]


def _gathered(tensor: Tensor) -> Tensor:
    parts = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, tensor.contiguous(), group=_group(dist.group.WORLD))
    return torch.stack(parts)


@lru_cache(maxsize=1)
def _group(default: Any) -> Any:
    """Return a process group of its own, so that DDP's messages do not interleave with these."""
    return dist.new_group()


def _in_any(log_q: Float[Tensor, " U"], draws: int) -> Float[Tensor, " U"]:
    """Return the log probability of being in any of ``draws`` pools: 1 - (1 - q) ** draws."""
    return torch.log(-torch.expm1(draws * torch.log1p(-log_q.exp().clamp(max=1.0))))
