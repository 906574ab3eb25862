"""The item tower: the modalities of an item → one vector."""

from collections.abc import Callable, Iterable, Mapping
from numbers import Integral
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmrec.cpu import checkpointed, fast_products
from mmrec.data import Inputs, ItemPool, Source, load_pool

Features = tuple[dict[str, Tensor], dict[str, Tensor]]
"""For each modality its features, ``(P, D_m)``, and which slots have it, ``(P,)``."""


class ItemEncoder(nn.Module):
    """Encodes each slot of a pool: one encoder a modality, then fusion.

    Args:
        encoders: an encoder for each modality, by name.
        fusion: fuses ``{name: (P, D_m)}`` and ``{name: (P,)}`` into ``(P, D)``.
        modality_dropout: in training, the probability that an item is shown without one of its
            modalities, so that the model copes with what is missing; an item keeps at least one.
        chunk: how many inputs a trained encoder takes at once, at most. Activations of all chunks
            but the last are computed again for their gradient, so that memory does not grow with
            the pool (gradient caching, arXiv 2101.06983); None encodes the pool at once.

    Shape:
        pool of P slots → ``(P, D)``. Slot 0, padding, gets a finite vector nobody reads.

    Raises:
        ValueError: encoders and fusion disagree on the modalities or a width, or the pool lacks
            a modality.

    Example:
        >>> from mmrec.data import id_source, load_pool
        >>> from mmrec.encoders import IdEncoder
        >>> from mmrec.fusion import ConcatFusion
        >>> items = ItemEncoder({"id": IdEncoder(3, 8)}, ConcatFusion({"id": 8}, 8))
        >>> pool = load_pool(np.array([1, 3]), {"id": id_source({1: 1, 2: 2, 3: 3}, 3)})
        >>> items(pool).shape
        torch.Size([3, 8])
    """

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        fusion: nn.Module,
        *,
        modality_dropout: float = 0.0,
        chunk: int | None = 64,
    ) -> None:
        super().__init__()
        dims, given = _dims(fusion), widths(encoders)
        if sorted(given) != sorted(dims):
            raise ValueError(
                f"fusion expects modalities {sorted(dims)}; got encoders for {sorted(given)}"
            )
        for name, width in given.items():
            if width != dims[name]:
                raise ValueError(
                    f"fusion expects {name!r} features of width {dims[name]}; got an encoder of "
                    f"width {width}"
                )
        if not 0 <= modality_dropout < 1:
            raise ValueError(f"modality_dropout must be in [0, 1); got {modality_dropout}")
        self.encoders = nn.ModuleDict(encoders)
        self.fusion = fusion
        self.modality_dropout, self.chunk = modality_dropout, chunk

    @property
    def dim(self) -> int:
        """Width D of an item vector."""
        return cast(int, self.fusion.dim)

    def forward(self, pool: ItemPool) -> Float[Tensor, "P D"]:
        """Return the vector of every slot."""
        vectors: Tensor = self.fusion(*self.features(pool))
        return vectors

    def features(self, pool: ItemPool) -> Features:
        """Encode each modality of the pool; what is absent is zero."""
        lacking = sorted(set(self.encoders) - set(pool.present))
        if lacking:
            raise ValueError(f"items need the modalities {lacking}; got {sorted(pool.present)}")
        present = {name: pool.present[name] for name in self.encoders}
        features = {}
        for name, encoder in self.encoders.items():
            empty = torch.zeros(len(pool), cast(int, encoder.dim), device=pool.items.device)
            if name in pool.content:
                encoded = self._encode(encoder, pool.content[name])
                here = present[name].unsqueeze(-1)
                empty = empty.to(encoded.dtype).masked_scatter(here, encoded)
            features[name] = empty
        return features, self._drop(present)

    def _encode(self, encoder: nn.Module, inputs: Inputs) -> Tensor:
        """Run an encoder; one with raw input and trained weights in checkpointed chunks."""
        heavy = hasattr(encoder, "transform")
        if not heavy or self.chunk is None:
            return cast(Tensor, encoder(inputs))
        run: Callable[[Inputs], Tensor] = encoder
        if torch.is_grad_enabled() and any(p.requires_grad for p in encoder.parameters()):
            run = checkpointed(encoder)
        *parts, last = _split(inputs, self.chunk)
        with fast_products():
            # The backward pass starts with the last chunk: its activations wait for nothing.
            return torch.cat([*(run(part) for part in parts), encoder(last)])

    def _drop(self, present: dict[str, Bool[Tensor, " P"]]) -> dict[str, Bool[Tensor, " P"]]:
        if not self.training or self.modality_dropout == 0 or len(present) == 1:
            return present
        here = torch.stack(list(present.values()))
        kept = here & (torch.rand(here.shape, device=here.device) >= self.modality_dropout)
        kept = torch.where(kept.any(0), kept, here)
        return dict(zip(present, kept, strict=True))


@torch.no_grad()
def encode_catalog(
    items: ItemEncoder,
    sources: Mapping[str, Source],
    catalog_size: int,
    *,
    batch_size: int = 256,
) -> Float[Tensor, "V1 D"]:
    """Return the vector of every catalogue index, ``(V + 1, D)`` float32, in evaluation mode."""
    return encode_with_contributions(items, sources, catalog_size, (), batch_size=batch_size)[0]


@torch.no_grad()
def encode_with_contributions(
    items: ItemEncoder,
    sources: Mapping[str, Source],
    catalog_size: int,
    modalities: Iterable[str] | None = None,
    *,
    batch_size: int = 256,
) -> tuple[Float[Tensor, "V1 D"], dict[str, Tensor]]:
    """Return the vector of every catalogue index, and which share of it each modality has.

    A share is the vector less what it would be if the item lacked the modality: zero where it
    does. Content is encoded once, and fused once more for each modality.

    Args:
        items: the item tower.
        sources: the content of the catalogue.
        catalog_size: V.
        modalities: whose contributions are wanted; None for all.
        batch_size: items that are encoded at once.

    Returns:
        Vectors ``(V + 1, D)`` in float32, and for each modality ``(V + 1, D)`` in float16.
    """
    names = list(items.encoders if modalities is None else modalities)
    device = next(items.parameters()).device
    vectors = torch.zeros(catalog_size + 1, items.dim, device=device)
    contributions = {name: torch.zeros_like(vectors, dtype=torch.float16) for name in names}
    training = items.training
    items.eval()
    try:
        for start in range(1, catalog_size + 1, batch_size):
            indices = np.arange(start, min(start + batch_size, catalog_size + 1))
            rows = slice(start, start + len(indices))
            features, present = items.features(load_pool(indices, sources).to(device))
            vectors[rows] = items.fusion(features, present)[1:].float()
            for name in names:
                lacking = present | {name: torch.zeros_like(present[name])}
                without = items.fusion(features, lacking)[1:].float()
                contributions[name][rows] = (vectors[rows] - without).half()
    finally:
        items.train(training)
    return vectors, contributions


def widths(encoders: Mapping[str, nn.Module]) -> dict[str, int]:
    """Return the width of what each encoder gives, by modality.

    Raises:
        ValueError: an encoder doesn't say.
    """
    for name, encoder in encoders.items():
        if not isinstance(getattr(encoder, "dim", None), Integral):
            raise ValueError(
                f"an encoder needs dim, the width of its vectors; the one for {name!r}, "
                f"{type(encoder).__name__}, has none"
            )
    return {name: cast(int, encoder.dim) for name, encoder in encoders.items()}


def _dims(fusion: nn.Module) -> Mapping[str, int]:
    dims, dim = (getattr(fusion, name, None) for name in ("dims", "dim"))
    if not isinstance(dims, Mapping) or not isinstance(dim, Integral):
        raise ValueError(
            "a fusion needs dims, the width of each modality by name, and dim, the width of an "
            f"item vector; {type(fusion).__name__} lacks them"
        )
    return dims


def _split(inputs: Inputs, size: int) -> list[Inputs]:
    """Cut inputs into as few chunks of at most ``size`` as will do, of like size."""
    if isinstance(inputs, Tensor):
        return list(inputs.tensor_split(max(1, -(-len(inputs) // size))))
    parts = {name: _split(tensor, size) for name, tensor in inputs.items()}
    return [dict(zip(parts, rows, strict=True)) for rows in zip(*parts.values(), strict=True)]
