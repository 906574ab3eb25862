"""Additive attention over the modalities of an item."""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from mmrec.fusion.residual import ResidualFusion, zeroed
from mmrec.layers import AdditiveAttention, record_init_args


@record_init_args
class AdditiveFusion(ResidualFusion):
    """Fuses the modalities of an item as a weighted sum; its weights depend on the item.

    Each modality is a token of width ``dim`` (see ``ModalityAdapters``; an absent one is its
    learned missing vector). A small network finds a logit of each token, and a softmax turns the
    logits into shares. The weights are the shares times the number of modalities: 1 at the start.

    Args:
        dims: width of each modality, by name.
        dim: D, the width of an item vector.
        hidden: width of the query of the attention; ``dim`` if None.

    Shape:
        features: ``(P, dims[name])`` by name; present: ``(P,)`` by name, True where the item has
        it; output: ``(P, D)``.

    Raises:
        ValueError: ``dims`` is invalid, or ``hidden`` is not positive.

    References:
        Wu et al., "Neural News Recommendation with Attentive Multi-View Learning" (NAML,
        arXiv 1907.05576), where the views are title, body, category and subcategory. There the
        weights are the shares, so that a vector is shorter the more views there are.

    Example:
        >>> import torch
        >>> fusion = AdditiveFusion({"id": 8, "text": 6}, 8)
        >>> features = {"id": torch.randn(5, 8), "text": torch.randn(5, 6)}
        >>> present = {"id": torch.ones(5).bool(), "text": torch.tensor([1, 0, 1, 0, 1]).bool()}
        >>> fusion(features, present).shape
        torch.Size([5, 8])
    """

    def __init__(self, dims: Mapping[str, int], dim: int, *, hidden: int | None = None) -> None:
        super().__init__(dims, dim)
        self.attention = AdditiveAttention(dim, hidden)
        zeroed(self.attention.query)

    def correction(self, tokens: Float[Tensor, "P M D"]) -> Float[Tensor, "P D"]:
        """Return what the weights add to the sum, or take from it."""
        shares = self.attention.logits(tokens).softmax(dim=1)
        return ((tokens.shape[1] * shares - 1).unsqueeze(-1) * tokens).sum(dim=1)
