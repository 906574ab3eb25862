"""Precomputed features: one given vector per item, standardised or whitened."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn


class FeatureEncoder(nn.Module):
    """Standardises a precomputed vector per item, and optionally whitens or projects it.

    `fit` measures mean and scale once, on the training items; they are buffers, saved with the
    model. A column that is constant there has nothing to say and becomes zero at its constant.
    Until `fit` is called features pass unscaled.

    Args:
        dim_in: width of the given vectors.
        dim: width of the output; `dim_in` if None.
        whiten: rotate to the first `dim` principal components, each of variance 1 on the training
            items (nothing is learned). Without it, another `dim` than `dim_in` is reached by a
            learned linear layer.

    Shape:
        inputs: `(n, dim_in)`; output: `(n, dim)`.

    Raises:
        ValueError: for a wrong width, or a feature that is NaN or infinite.

    Example:
        >>> features = torch.tensor([[1.0, 7.0], [3.0, 7.0]])
        >>> FeatureEncoder(2).fit(features)(features)
        tensor([[-1.,  0.],
                [ 1.,  0.]])
    """

    mean: Tensor
    scale: Tensor
    rotation: Tensor | None

    def __init__(self, dim_in: int, dim: int | None = None, *, whiten: bool = False) -> None:
        super().__init__()
        dim = dim_in if dim is None else dim
        if dim_in < 1 or dim < 1 or (whiten and dim > dim_in):
            raise ValueError(
                f"FeatureEncoder expects widths of at least 1, and whitening no more components "
                f"than columns; got dim_in {dim_in} and dim {dim}"
            )
        self.dim_in = dim_in
        self.dim = dim
        self.register_buffer("mean", torch.zeros(dim_in))
        self.register_buffer("scale", torch.ones(dim_in))
        self.register_buffer("rotation", torch.eye(dim_in, dim) if whiten else None)
        self.project = nn.Linear(dim_in, dim) if dim != dim_in and not whiten else nn.Identity()

    @torch.no_grad()
    def fit(
        self, features: Float[Tensor, "n dim_in"] | Float[np.ndarray, "n dim_in"]
    ) -> "FeatureEncoder":
        """Measure mean, scale and rotation on the features of the training items."""
        features = torch.as_tensor(features)
        self._check(features)
        if len(features) == 0:
            raise ValueError("FeatureEncoder expects at least one item to fit; got none")
        # float64: a large mean beside a small spread cancels in float32.
        values = features.to(self.mean.device, torch.float64)
        mean = values.mean(dim=0)
        scale = values.std(dim=0, correction=0)
        scale = torch.where(scale > 1e-7 * mean.abs(), scale, torch.ones_like(scale))
        self.mean.copy_(mean)
        self.scale.copy_(scale)
        if self.rotation is not None:
            self.rotation.copy_(_whitening((values - mean) / scale, self.dim))
        return self

    def forward(self, inputs: Float[Tensor, "n dim_in"]) -> Float[Tensor, "n dim"]:
        """One vector per item."""
        self._check(inputs)
        values = (inputs - self.mean) / self.scale
        if self.rotation is not None:
            values = values @ self.rotation
        vectors: Tensor = self.project(values)
        return vectors

    def _check(self, features: Tensor) -> None:
        if features.shape[-1] != self.dim_in:
            raise ValueError(
                f"FeatureEncoder expects features of width {self.dim_in}; got {features.shape[-1]}"
            )
        finite = features.isfinite().all(dim=-1)
        if not finite.all():
            raise ValueError(
                f"FeatureEncoder expects finite features (an item without them is missing); "
                f"got NaN or infinity in {int((~finite).sum())} of {len(features)} rows"
            )


def _whitening(
    values: Float[Tensor, "n width"], components: int
) -> Float[Tensor, "width components"]:
    """PCA whitening; a direction in which the items don't differ becomes zero, not noise."""
    variances, axes = torch.linalg.eigh(values.T @ values / len(values))
    variances, axes = variances.flip(0)[:components], axes.flip(1)[:, :components]
    kept = variances > 1e-9 * variances[0].clamp(min=1e-9)
    return torch.where(kept, axes / variances.clamp(min=1e-18).sqrt(), 0.0)
