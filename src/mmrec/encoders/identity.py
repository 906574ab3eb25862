"""Ids: one learned vector per known item."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.layers import record_init_args


@record_init_args
class IdEncoder(nn.Module):
    """Looks up one learned vector per id of a vocabulary fixed at training time.

    The vocabulary has the items with training events, numbered from 1. Index 0 is padding, and its
    vector stays zero. The id modality of an item outside the vocabulary is missing, so such an item
    is never an input.

    Args:
        vocabulary_size: number of known ids without padding; the table has one row more.
        dim: width of a vector.
        std: standard deviation of the initial vectors.

    Shape:
        inputs: ``(n,)``, indices from 1 to ``vocabulary_size``; output: ``(n, dim)``.

    Raises:
        ValueError: ``vocabulary_size`` or ``dim`` is below 1.

    Example:
        >>> import torch
        >>> IdEncoder(10, 4)(torch.tensor([1, 10])).shape
        torch.Size([2, 4])
    """

    def __init__(self, vocabulary_size: int, dim: int, *, std: float = 0.02) -> None:
        super().__init__()
        if vocabulary_size < 1 or dim < 1:
            raise ValueError(
                f"IdEncoder expects a vocabulary of at least 1 id and a width of at least 1; "
                f"got {vocabulary_size} and {dim}"
            )
        self.vocabulary_size = vocabulary_size
        self.dim = dim
        self.table = nn.Embedding(vocabulary_size + 1, dim, padding_idx=0)
        nn.init.normal_(self.table.weight, std=std)
        nn.init.zeros_(self.table.weight[0])

    def forward(self, inputs: Int[Tensor, " n"]) -> Float[Tensor, "n dim"]:
        """Return one vector per id."""
        vectors: Tensor = self.table(inputs)
        return vectors
