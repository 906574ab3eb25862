"""A multilayer perceptron."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn


class MLP(nn.Module):
    """Linear layers with an activation between them; the last one is linear.

    Every layer but the last is followed by norm, activation and dropout, in this order.

    Args:
        widths: input width, hidden widths, output width: at least two numbers.
        activation: makes the activation of one layer.
        dropout: probability that a hidden unit is dropped in training.
        norm: makes the norm of a layer from its width, for example ``nn.LayerNorm``; None for no
            norm.

    Raises:
        ValueError: if there are fewer than two widths, or one of them is not positive.

    Example:
        >>> import torch
        >>> mlp = MLP([8, 16, 4], dropout=0.1, norm=nn.LayerNorm)
        >>> mlp(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 4])
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        activation: Callable[[], nn.Module] = nn.GELU,
        dropout: float = 0.0,
        norm: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"MLP expects at least two positive widths; got {list(widths)}")
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise(widths[:-1]):
            layers.append(nn.Linear(width_in, width_out))
            if norm is not None:
                layers.append(norm(width_out))
            layers.append(activation())
            if dropout > 0:
                layers.append(nn.Dropout(dropout))
        layers.append(nn.Linear(widths[-2], widths[-1]))
        self.layers = nn.Sequential(*layers)

    def forward(self, values: Float[Tensor, "*batch _"]) -> Float[Tensor, "*batch _"]:
        """Map the last axis from ``widths[0]`` to ``widths[-1]``."""
        out: Tensor = self.layers(values)
        return out
