"""Attention: a learned query attends to the modalities of an item."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.fusion.residual import ResidualFusion, zeroed
from mmrec.layers import MLP, record_init_args


@record_init_args
class AttentionFusion(ResidualFusion):
    """Adds to the sum of an item's modalities what a learned query finds in them by attention.

    Each modality is a token (see ``ModalityAdapters``; an absent one is its learned missing
    vector) plus a learned embedding of the modality. They go through a layer norm, and one learned
    query attends to them, so their weights depend on the item. A small MLP with a residual
    connection follows. All this is zero at the start.

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
        super().__init__(dims, dim)
        if heads < 1 or dim % heads:
            raise ValueError(f"heads must divide dim; got dim {dim} and {heads} heads")
        self.modality_embeddings = nn.Parameter(torch.randn(len(dims), dim) * 0.02)
        self.query = nn.Parameter(torch.randn(dim) * 0.02)
        self.norm = nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, dropout=dropout, batch_first=True)
        zeroed(self.attention.out_proj)
        mlp = MLP([dim, 2 * dim, dim], dropout=dropout)
        zeroed(mlp.layers[-1])
        self.mlp = nn.Sequential(nn.LayerNorm(dim), mlp)

    def correction(self, tokens: Float[Tensor, "P M D"]) -> Float[Tensor, "P D"]:
        """Return what the query finds."""
        tokens = self.norm(tokens + self.modality_embeddings)
        query = self.query.expand(tokens.shape[0], 1, -1)  # len() would fix an exported size
        attended: Tensor = self.attention(query, tokens, tokens, need_weights=False)[0].squeeze(1)
        found: Tensor = attended + self.mlp(attended)
        return found
