"""The directions of items' frozen content: the affinity of two items is their cosine."""

from collections.abc import Mapping
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

NOVELTY_COLUMNS = 2
"""Columns that tell new items, the first one, from known ones, the second."""

SHORTEST = 2.0**-14
"""Length of a direction that counts next to nothing: histories read it, so it can't be 0, also in
float16."""


class Directions(nn.Module):
    """Centers the features of one modality and rotates them to their principal axes.

    The product of two results is the cosine of the centered features, up to what lies outside of
    the axes. Without centering, most texts of a catalogue look alike.

    Args:
        width: width of the features, W.
        dim: number of axes, E, at most W.

    Raises:
        ValueError: a width is not positive, or there are more axes than columns.

    Example:
        >>> features = torch.tensor([[3.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
        >>> Directions(2, 1).fit(features)(features[:2]).abs()
        tensor([[1.],
                [1.]])
    """

    mean: Tensor
    axes: Tensor

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        if not 1 <= dim <= width:
            raise ValueError(f"Directions expects 1 <= dim <= width; got {dim} and {width}")
        self.width, self.dim = width, dim
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("axes", torch.eye(width, dim))

    @torch.no_grad()
    def fit(self, features: Float[Tensor, "N W"]) -> "Directions":
        """Compute mean and axes from the features of a catalogue; return self."""
        values = features.to(self.mean.device, torch.float64)
        mean = values.mean(0)
        _, axes = torch.linalg.eigh((values - mean).T @ (values - mean))
        self.mean.copy_(mean)
        self.axes.copy_(axes.flip(1)[:, : self.dim])
        return self

    def forward(self, features: Float[Tensor, "N W"]) -> Float[Tensor, "N E"]:
        """Return a vector of length 1 for each row; zeros where the features are the mean."""
        return F.normalize((features.float() - self.mean) @ self.axes, dim=-1)


class ContentDirections(nn.Module):
    """The directions of the frozen modalities of an item, side by side.

    A direction has length 1. With ``identity``, the modality that an item has only once it was
    trained, those of new items and of others may have different lengths: ``new`` and ``known``, one
    number for each modality. So content can count more for items of which nothing else is known.

    With ``novelty``, two more columns say whether an item is new. Their affinity is that of new
    items to a history with many new items; the direction of a known one counts next to nothing.

    Args:
        widths: width of each modality's features, by name.
        dims: number of axes of each, by name.
        identity: the modality that new items lack; None if there is no such modality.
        novelty: whether there are columns that tell new items.

    Raises:
        ValueError: there is ``novelty`` without ``identity``.

    Example:
        >>> content = ContentDirections({"text": 4, "image": 3}, {"text": 2, "image": 2})
        >>> features = {"text": torch.ones(1, 4), "image": torch.ones(1, 3)}
        >>> present = {"text": torch.tensor([True]), "image": torch.tensor([False])}
        >>> content(features, present)
        tensor([[0.7071, 0.7071, 0.0000, 0.0000]])
    """

    new: Tensor
    known: Tensor

    def __init__(
        self,
        widths: Mapping[str, int],
        dims: Mapping[str, int],
        identity: str | None = None,
        *,
        novelty: bool = False,
    ) -> None:
        super().__init__()
        if novelty and identity is None:
            raise ValueError("novelty needs identity, the modality that new items lack; got None")
        self.blocks = nn.ModuleDict({name: Directions(widths[name], dims[name]) for name in dims})
        self.dims, self.identity, self.novelty = dict(dims), identity, novelty
        self.widths = {name: widths[name] for name in dims}
        self.register_buffer("new", torch.ones(len(dims)))
        self.register_buffer("known", torch.ones(len(dims)))

    @property
    def dim(self) -> int:
        """Width of all directions together, E."""
        return sum(self.dims.values()) + NOVELTY_COLUMNS * self.novelty

    def fit(self, features: Mapping[str, Float[Tensor, "_ _"]]) -> "ContentDirections":
        """Compute the directions of each modality from features of items; return self."""
        for name, block in self.blocks.items():
            cast(Directions, block).fit(features[name])
        return self

    def forward(
        self,
        features: Mapping[str, Float[Tensor, "P _"]],
        present: Mapping[str, Bool[Tensor, " P"]],
    ) -> Float[Tensor, "P E"]:
        """Return the directions of each item; those of an absent modality are zero."""
        parts: list[Tensor] = []
        for number, (name, block) in enumerate(self.blocks.items()):
            here = present[name].unsqueeze(-1)
            given = torch.where(here, features[name], 0.0)  # an absent slot may hold NaN
            direction = torch.where(here, block(given), 0.0)
            if self.identity is not None:
                known = present[self.identity].unsqueeze(-1)
                direction = direction * torch.where(known, self.known[number], self.new[number])
            parts.append(direction)
        if self.novelty and self.identity is not None:
            known = present[self.identity].unsqueeze(-1)
            parts.append(torch.cat([(~known).float(), known * SHORTEST], dim=-1))
        return torch.cat(parts, dim=-1)
