"""Linear layers after the pooling that belong to a pretrained text model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

ACTIVATIONS: Mapping[str, type[nn.Module]] = {
    "Identity": nn.Identity,
    "Tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "GELU": nn.GELU,
    "SiLU": nn.SiLU,
    "Sigmoid": nn.Sigmoid,
}


@dataclass(frozen=True)
class LinearLayer:
    """The shape of a linear layer and the function after it.

    Attributes:
        dim_in: width of the input.
        dim: width of the output.
        bias: whether the layer has a bias.
        activation: one of :data:`ACTIVATIONS`.
    """

    dim_in: int
    dim: int
    bias: bool = True
    activation: str = "Identity"


class Projection(nn.Module):
    """Maps a pooled vector to the space that a text model was trained in.

    It is CLIP's and SigLIP's layer into the space of text and image, or the ``Dense`` modules of a
    sentence-transformers model.

    Args:
        layers: the layers, first to last, as ``LinearLayer`` or their fields.

    Shape:
        inputs: ``(n, dim_in)``; output: ``(n, dim)``.

    Raises:
        ValueError: an activation is unknown, or there is no layer.

    Example:
        >>> projection = Projection([LinearLayer(8, 4, bias=False)])
        >>> projection.dim, projection.described()
        (4, [{'dim_in': 8, 'dim': 4, 'bias': False, 'activation': 'Identity'}])
    """

    def __init__(self, layers: Sequence[LinearLayer | Mapping[str, Any]]) -> None:
        super().__init__()
        specs = [one if isinstance(one, LinearLayer) else LinearLayer(**one) for one in layers]
        names = [spec.activation for spec in specs]
        if not specs or not set(names) <= set(ACTIVATIONS):
            raise ValueError(
                f"Projection expects layers with an activation of {', '.join(ACTIVATIONS)}; got "
                f"{names}"
            )
        self.specs = specs
        self.dim = specs[-1].dim
        self.linear = nn.ModuleList(nn.Linear(s.dim_in, s.dim, bias=s.bias) for s in specs)
        self.activations = nn.ModuleList(ACTIVATIONS[name]() for name in names)

    @classmethod
    def of(cls, layer: nn.Linear) -> "Projection":
        """Return the projection by one layer, whose weights it takes over."""
        made = cls([LinearLayer(layer.in_features, layer.out_features, layer.bias is not None)])
        made.linear[0] = layer
        return made

    def forward(self, inputs: Float[Tensor, "n dim_in"]) -> Float[Tensor, "n dim"]:
        """Return the projected vectors."""
        for linear, activation in zip(self.linear, self.activations, strict=True):
            inputs = activation(linear(inputs))
        return inputs

    def described(self) -> list[dict[str, Any]]:
        """Return plain values from which the constructor makes the same layers."""
        return [asdict(spec) for spec in self.specs]
