"""Scores of items by a beam search over the codes that exist."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.generative.item_codes import ItemCodes
from mmrec.generative.model import TIGER, Memory
from mmrec.layers import at_least_float32

PREFIXES = 64
"""Prefixes of a user that are decoded at once."""


def score_items(
    model: TIGER,
    codes: ItemCodes,
    memory: Memory,
    *,
    beam: int | None = None,
    allowed: Bool[Tensor, "B V"] | None = None,
) -> Float[Tensor, "B V"]:
    """Return ``log p(item | history)`` of every item, ``-inf`` for those that are not found.

    Each level keeps the ``beam`` best prefixes, of those that lead to an allowed item: no code is
    written that belongs to no item. All items of the last prefixes get a score. A beam of at least
    as many prefixes as a level has is exact.

    The last number of an item that was not trained tells it from others of the same codes, which
    the model can't know. Such an item gets an even share of its codes in place of the model's:
    ``log p(codes) - log n``, where ``n`` items have these codes.

    Args:
        model: the model, in evaluation mode.
        codes: of the catalogue.
        memory: the encoded histories.
        beam: prefixes that are kept; None for all.
        allowed: items that may be found; None for all.

    Raises:
        ValueError: ``beam`` is below 1.

    References:
        Rajput et al., "Recommender systems with generative retrieval" (2023), arXiv 2305.05065;
        De Cao et al., "Autoregressive entity retrieval" (2020), arXiv 2010.00904, for the search
        in a trie.

    Example:
        >>> from mmrec.generative import tiger
        >>> from mmrec.quantization import SemanticIds
        >>> codes = ItemCodes.of(SemanticIds.fit(torch.randn(6, 3), levels=2, size=4))
        >>> model = tiger(codes, dim=8, heads=2, layers=1).eval()
        >>> memory = model.encode(codes.codes[torch.tensor([[3, 1]])], torch.ones(1, 2).bool())
        >>> (score_items(model, codes, memory, beam=2) > -torch.inf).sum() <= 2
        tensor(True)
    """
    if beam is not None and beam < 1:
        raise ValueError(f"beam must be 1 or more; got {beam}")
    levels, rows = codes.trie.levels, len(memory.states)
    open_nodes = None if allowed is None else codes.trie.allowed(allowed)
    nodes = codes.codes.new_zeros(rows, 1)  # the root
    prefix, scores = codes.codes.new_zeros(rows, 1, 0), memory.states.new_zeros(rows, 1).float()
    count = 1
    for number, level in enumerate(levels):
        # Where the parent of each node is in the beam; one place more stands for those outside.
        width = nodes.shape[1]
        places = torch.arange(width, device=nodes.device).expand_as(nodes)
        beam_of = nodes.new_full((rows, count), width).scatter(1, nodes, places)
        at = beam_of[:, level.parent]
        before = F.pad(scores, (0, 1), value=-torch.inf).gather(1, at)
        log_p = F.pad(_log_probabilities(model, memory, prefix), (0, 0, 0, 1))
        step = log_p.flatten(1).gather(1, at * log_p.shape[2] + level.code)
        if level is levels[-1]:
            trained = codes.trained[1:][codes.trie.leaf.argsort()]
            step = torch.where(trained, step, -level.children.log())
        total = before + step
        if open_nodes is not None:
            total = total.masked_fill(~open_nodes[number], -torch.inf)
        count = total.shape[1]
        scores, nodes = total.topk(count if beam is None else min(beam, count))
        prefix = level.prefix[nodes]
    return total[:, codes.trie.leaf]


def _log_probabilities(
    model: TIGER, memory: Memory, prefix: Int[Tensor, "B W l"]
) -> Float[Tensor, "B W K"]:
    """Return the log probability of each next code."""
    logits = [model.next_code(memory, part) for part in prefix.split(PREFIXES, dim=1)]
    return at_least_float32(torch.cat(logits, dim=1)).log_softmax(-1)
