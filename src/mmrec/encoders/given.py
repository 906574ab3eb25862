"""Features that are used as they are."""

from jaxtyping import Float
from torch import Tensor, nn

from mmrec.layers import check_shape, record_init_args


@record_init_args
class GivenEncoder(nn.Module):
    """Returns the features of an item as they are; nothing is learned.

    It is for modalities beside the fusion, see :class:`mmrec.models.ItemEncoder`.

    Args:
        dim: width of the features.

    Shape:
        ``(n, dim)`` → ``(n, dim)``.

    Raises:
        ValueError: ``dim`` is below 1, or features have another width.

    Example:
        >>> import torch
        >>> GivenEncoder(2)(torch.tensor([[0.5, 1.0]]))
        tensor([[0.5000, 1.0000]])
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        if dim < 1:
            raise ValueError(f"GivenEncoder expects dim of at least 1; got {dim}")
        self.dim = dim

    def forward(self, inputs: Float[Tensor, "n dim"]) -> Float[Tensor, "n dim"]:
        """Return the features."""
        check_shape("GivenEncoder expects features", inputs, ("items", self.dim))
        return inputs
