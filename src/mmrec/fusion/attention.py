"""Attention: a learned query attends to the modalities of an item."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmrec.fusion.adapters import ModalityAdapters
from mmrec.layers import MLP, record_init_args


@record_init_args
class AttentionFusion(nn.Module):
    """Fuses the modalities of an item by attention, so that their weights depend on the item.

    Each modality is a token of width ``dim`` (see ``ModalityAdapters``; an absent one is its
    learned missing vector) plus a learned embedding of the modality. One learned query attends to
    the tokens. A small MLP with a residual connection follows (pre-norm).

    Args:
        dims: width of each modality, by name.
        dim: D, the width of an item vector; a multiple of ``heads``.
        heads: number of attention heads.
        dropout: dropout probability of the attention weights and of the hidden layer.

    Shape:
        features: ``(P, dims[name])`` by name; present: ``(P,)`` by name, True where the item has
        it; output: ``(P, D)``.

    Raises:
        ValueError: ``heads`` does not divide ``dim``, or ``dims`` is invalid.

    References:
        Vaswani et al., "Attention Is All You Need", arXiv:1706.03762; pooling by attention from a
        learned query: Lee et al., "Set Transformer", arXiv:1810.00825.

    Example:
        >>> fusion = AttentionFusion({"id": 8, "text": 6}, 8)
        >>> features = {"id": torch.randn(5, 8), "text": torch.randn(5, 6)}
        >>> present = {"id": torch.ones(5).bool(), "text": torch.tensor([1, 0, 1, 0, 1]).bool()}
        >>> fusion(features, present).shape
        torch.Size([5, 8])
    """

    def __init__(
        self, dims: Mapping[str, int], dim: int, *, heads: int = 4, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if heads < 1 or dim % heads:
            raise ValueError(f"heads must divide dim; got dim {dim} and {heads} heads")
        self.adapters = ModalityAdapters(dims, dim)
        self.dims, self.dim = self.adapters.dims, dim
        self.modality_embeddings = nn.Parameter(torch.randn(len(dims), dim) * 0.02)
        self.query = nn.Parameter(torch.randn(dim) * 0.02)
        self.norm = nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, dropout=dropout, batch_first=True)
        self.mlp = nn.Sequential(nn.LayerNorm(dim), MLP([dim, 2 * dim, dim], dropout=dropout))

    def forward(
        self, features: dict[str, Float[Tensor, "P _"]], present: dict[str, Bool[Tensor, " P"]]
    ) -> Float[Tensor, "P D"]:
        """Return one vector per item."""
        tokens = self.norm(self.adapters(features, present) + self.modality_embeddings)
        query = self.query.expand(tokens.shape[0], 1, -1)  # len() would fix an exported size
        attended: Tensor = self.attention(query, tokens, tokens, need_weights=False)[0].squeeze(1)
        fused: Tensor = attended + self.mlp(attended)
        return fused
