"""TIGER: an encoder of the codes of a history, and a decoder that writes those of the next item."""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmrec.layers import record_init_args


class Memory(NamedTuple):
    """An encoded history.

    Attributes:
        states: ``(B, S, D)``.
        padding: True where there is nothing, ``(B, S)``.
    """

    states: Float[Tensor, "B S D"]
    padding: Bool[Tensor, "B S"]


@record_init_args
class TIGER(nn.Module):
    """A transformer over the codes of a history that gives the codes of the next item.

    The encoder reads a start token and then, for each item of the history, one token a code. The
    decoder writes the codes of the next item one after the other; those of each level are a softmax
    of their own. An empty history is the start token alone, so it has an answer too.

    As in the paper it is an encoder-decoder with ReLU. What differs: positions are counted back
    from the last item and learned, norms come before the layers, and there is no token of the user,
    because test users may be new.

    Args:
        sizes: number of codes of each level, coarse to fine, see
            :attr:`mmrec.quantization.SemanticIds.sizes`.
        dim: width of a token; a multiple of ``heads``.
        heads: attention heads.
        layers: layers of the encoder, and of the decoder.
        hidden: width of the hidden layer of a block.
        dropout: dropout probability.
        max_items: last items of a history that are read.

    Raises:
        ValueError: a number is below 1, or ``dim`` is no multiple of ``heads``.

    References:
        Rajput et al., "Recommender systems with generative retrieval" (2023), arXiv 2305.05065.

    Example:
        >>> model = TIGER([8, 8, 4], dim=16, heads=2, layers=1, hidden=32, dropout=0.1, max_items=5)
        >>> history, target = torch.zeros(2, 5, 3).long(), torch.zeros(2, 3).long()
        >>> [tuple(level.shape) for level in model(history, torch.ones(2, 5).bool(), target)]
        [(2, 8), (2, 8), (2, 4)]
    """

    offsets: Tensor

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        dim: int,
        heads: int,
        layers: int,
        hidden: int,
        dropout: float,
        max_items: int,
    ) -> None:
        super().__init__()
        if not sizes or min(*sizes, dim, heads, layers, hidden, max_items) < 1 or dim % heads:
            raise ValueError(
                f"TIGER expects numbers of at least 1 and dim as a multiple of heads; got sizes "
                f"{list(sizes)}, dim {dim}, heads {heads}, layers {layers}, hidden {hidden} and "
                f"max_items {max_items}"
            )
        self.sizes, self.dim, self.max_items = tuple(sizes), dim, max_items
        # Two more tokens: the starts of the encoder and of the decoder.
        starts = [0, *accumulate(sizes)]
        self.register_buffer("offsets", torch.tensor(starts[:-1]), persistent=False)
        self.tokens = nn.Embedding(starts[-1] + 2, dim)
        self.item_position = nn.Embedding(max_items, dim)
        self.level_position = nn.Embedding(len(sizes), dim)
        for table in (self.tokens, self.item_position, self.level_position):
            nn.init.normal_(table.weight, std=0.02)

        def blocks(kind: type[nn.Module]) -> nn.ModuleList:
            return nn.ModuleList(
                kind(dim, heads, hidden, dropout, batch_first=True, norm_first=True)
                for _ in range(layers)
            )

        self.encoder = blocks(nn.TransformerEncoderLayer)
        self.decoder = blocks(nn.TransformerDecoderLayer)
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        self.outputs = nn.ModuleList(nn.Linear(dim, size) for size in sizes)

    def forward(
        self,
        history: Int[Tensor, "B T L"],
        mask: Bool[Tensor, "B T"],
        target: Int[Tensor, "B L"],
    ) -> list[Float[Tensor, "B _"]]:
        """Return the logits of each code of the target, given those before it.

        Args:
            history: codes of the items, oldest first, padded on the right; T is at most
                ``max_items``.
            mask: True for items.
            target: codes of the next item.
        """
        states = self._decoded(self.encode(history, mask), target[:, None, :-1])[:, 0]
        return [output(states[:, level]) for level, output in enumerate(self.outputs)]

    def encode(self, history: Int[Tensor, "B T L"], mask: Bool[Tensor, "B T"]) -> Memory:
        """Return the encoded history.

        Raises:
            ValueError: the history has more steps or other levels than the model.
        """
        rows, steps, levels = history.shape
        if steps > self.max_items or levels != len(self.sizes):
            raise ValueError(
                f"TIGER expects at most {self.max_items} items of {len(self.sizes)} codes; got "
                f"{steps} items of {levels}"
            )
        place = torch.arange(steps, device=mask.device)
        back = (mask.sum(1, keepdim=True) - 1 - place).clamp(min=0)
        tokens = self.tokens(history.masked_fill(~mask.unsqueeze(-1), 0) + self.offsets)
        tokens = tokens + self.item_position(back).unsqueeze(2) + self.level_position.weight
        start = self.tokens.weight[-2].expand(rows, 1, -1)
        states = self.dropout(torch.cat([start, tokens.flatten(1, 2)], dim=1))
        real = mask.new_zeros(rows, 1)
        padding = torch.cat([real, (~mask).repeat_interleave(levels, dim=1)], dim=1)
        for block in self.encoder:
            states = block(states, src_key_padding_mask=padding)
        return Memory(self.encoder_norm(states), padding)

    def next_code(self, memory: Memory, prefix: Int[Tensor, "B W l"]) -> Float[Tensor, "B W _"]:
        """Return the logits of the code that follows each of ``W`` prefixes.

        Args:
            memory: the encoded histories.
            prefix: the codes so far, of ``l`` levels, which may be 0.
        """
        states = self._decoded(memory, prefix)
        logits: Tensor = self.outputs[prefix.shape[2]](states[:, :, -1])
        return logits

    def _decoded(self, memory: Memory, prefix: Int[Tensor, "B W l"]) -> Float[Tensor, "B W l1 D"]:
        """Return the state after each code of each prefix, the start included."""
        rows, count, known = prefix.shape
        tokens = self.tokens(prefix + self.offsets[:known])
        start = self.tokens.weight[-1].expand(rows, count, 1, -1)
        tokens = torch.cat([start, tokens], dim=2) + self.level_position.weight[: known + 1]
        # All prefixes of a user stand in one row, so that its memory is projected once. A token
        # attends to those before it of the same prefix.
        place = torch.arange(count * (known + 1), device=prefix.device)
        group = place // (known + 1)
        hidden = (group.unsqueeze(1) != group) | (place.unsqueeze(1) < place)
        states = self.dropout(tokens.flatten(1, 2))
        for block in self.decoder:
            states = block(
                states,
                memory.states,
                tgt_mask=hidden,
                memory_key_padding_mask=memory.padding,
            )
        normed: Tensor = self.decoder_norm(states).unflatten(1, (count, known + 1))
        return normed
