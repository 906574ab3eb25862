"""Precomputed features: one given vector per item, standardized or whitened."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.layers import record_init_args


@record_init_args
class FeatureEncoder(nn.Module):
    """Standardizes a precomputed vector per item, and optionally whitens or projects it.

    ``fit`` computes mean and scale on the training items. They are buffers, saved with the model.
    A column that is constant on the training items is only centered. Before ``fit``, features are
    not scaled.

    Args:
        dim_in: width of the given vectors.
        dim: width of the output; ``dim_in`` if None.
        whiten: whether to rotate to the first ``dim`` principal components, scaled to variance 1 on
            the training items, without learned weights. Otherwise a learned linear layer maps to
            ``dim``, if it differs from ``dim_in``.

    Shape:
        inputs: ``(n, dim_in)``; output: ``(n, dim)``.

    Raises:
        ValueError: a width is invalid, or a feature is NaN or infinite.

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
                "FeatureEncoder expects widths of at least 1, and for whitening no more components "
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
        """Compute mean, scale and rotation from the features of the training items; return self."""
        features = torch.as_tensor(features)
        self._check_width(features)
        self._check_finite(features)
        if len(features) == 0:
            raise ValueError("FeatureEncoder expects at least one item to fit; got none")
        # float64, because a large mean and a small spread cancel in float32.
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
        """Return one vector per item."""
        self._check_width(inputs)
        # An accelerator would wait for the answer in each step, and `fit` has seen trained items.
        if inputs.device.type == "cpu" or not self.training:
            self._check_finite(inputs)
        values = (inputs - self.mean).div_(self.scale)
        if self.rotation is not None:
            values = values @ self.rotation
        vectors: Tensor = self.project(values)
        return vectors

    def _check_width(self, features: Tensor) -> None:
        if features.shape[-1] != self.dim_in:
            raise ValueError(
                f"FeatureEncoder expects features of width {self.dim_in}; got {features.shape[-1]}"
            )

    def _check_finite(self, features: Tensor) -> None:
        if features.sum().isfinite():  # much cheaper than a look at each value
            return
        finite = features.isfinite().all(dim=-1)
        if not finite.all():
            raise ValueError(
                f"FeatureEncoder expects finite features (an item without them is missing); "
                f"got NaN or infinity in {int((~finite).sum())} of {len(features)} rows"
            )


def _whitening(
    values: Float[Tensor, "n width"], components: int
) -> Float[Tensor, "width components"]:
    """Return the rotation of PCA whitening; directions without variance become zero, not noise."""
    variances, axes = torch.linalg.eigh(values.T @ values / len(values))
    variances, axes = variances.flip(0)[:components], axes.flip(1)[:, :components]
    kept = variances > 1e-9 * variances[0].clamp(min=1e-9)
    return torch.where(kept, axes / variances.clamp(min=1e-18).sqrt(), 0.0)
