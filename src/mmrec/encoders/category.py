"""Categories: one learned vector per value, and shared vectors for values that are new."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.layers import record_init_args

AS_UNSEEN = 0.1
"""Share of values that are trained as if they were new, if there are buckets."""


@record_init_args
class CategoryEncoder(nn.Module):
    """The mean of the vectors of an item's values.

    With ``buckets``, values that are not known share vectors: a hash chooses the bucket. In
    training some known values are replaced by their buckets, so that a bucket's vector becomes that
    of an average value.

    Args:
        values: number of known values, from 1.
        dim: width of a vector.
        buckets: number of shared vectors, which follow those of known values.
        bucket_of: the bucket of each known value, from 0; required with ``buckets``.

    Shape:
        ``(n, L)`` numbers of values, 0 = padding on the right → ``(n, dim)``.

    Raises:
        ValueError: ``bucket_of`` does not give a bucket for each value.

    References:
        Weinberger et al., "Feature hashing for large scale multitask learning" (2009),
        arXiv 0902.2206.

    Example:
        >>> CategoryEncoder(3, 8)(torch.tensor([[1, 3], [2, 0]])).shape
        torch.Size([2, 8])
    """

    bucket_of: Tensor

    def __init__(
        self, values: int, dim: int, *, buckets: int = 0, bucket_of: Sequence[int] = ()
    ) -> None:
        super().__init__()
        inside = all(0 <= bucket < buckets for bucket in bucket_of)
        if not inside or len(bucket_of) != (values if buckets else 0):
            raise ValueError(
                f"bucket_of must give one of {buckets} buckets for each of {values} values; got "
                f"{list(bucket_of)[:5]} for {len(bucket_of)} values"
            )
        self.dim, self.values, self.buckets = dim, values, buckets
        self.table = nn.EmbeddingBag(values + buckets + 1, dim, mode="mean", padding_idx=0)
        nn.init.normal_(self.table.weight[1:], std=0.02)
        numbers = [0, *(values + 1 + bucket for bucket in bucket_of)]
        self.register_buffer("bucket_of", torch.tensor(numbers), persistent=False)

    def forward(self, inputs: Int[Tensor, "n L"]) -> Float[Tensor, "n dim"]:
        """Return the vector of each item."""
        if self.buckets and self.training:
            known = inputs <= self.values
            hashed = torch.where(known, self.bucket_of[inputs.clamp(max=self.values)], inputs)
            unseen = torch.rand(inputs.shape, device=inputs.device) < AS_UNSEEN
            inputs = torch.where(unseen, hashed, inputs)
        vectors: Tensor = self.table(inputs)
        return vectors
