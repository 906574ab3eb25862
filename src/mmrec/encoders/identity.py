"""Ids: one learned vector per known item."""

from jaxtyping import Float, Int
from torch import Tensor, nn


class IdEncoder(nn.Module):
    """Looks up one learned vector per id of a vocabulary made at training time.

    The vocabulary holds the items that had training events, numbered from 1; index 0 is padding
    and stays zero. An item outside the vocabulary has no id: its id modality is missing, and it
    never reaches this encoder.

    Args:
        vocabulary_size: number of known ids, padding not counted; the table has one row more.
        dim: width of a vector.
        std: standard deviation of the initial vectors.

    Shape:
        inputs: `(n,)`, indices from 1 to `vocabulary_size`; output: `(n, dim)`.

    Raises:
        ValueError: for a vocabulary below 1 or a width below 1.

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
        """One vector per id."""
        vectors: Tensor = self.table(inputs)
        return vectors
