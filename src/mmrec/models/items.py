"""The item tower: the modalities of an item → one vector."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmrec.cpu import checkpointed, fast_products
from mmrec.data import Inputs, ItemPool, Source, load_pool
from mmrec.encoders import Encoder
from mmrec.encoders.protocol import reads_raw_values
from mmrec.fusion import Fusion
from mmrec.models.checks import check_items

Features = tuple[dict[str, Tensor], dict[str, Tensor]]
"""By modality: the features, ``(P, D_m)``, and which slots have the modality, ``(P,)``."""


class ItemEncoder(nn.Module):
    """Encodes each slot of a pool: one encoder per modality, then fusion.

    Args:
        encoders: an encoder for each modality, by name.
        fusion: fuses ``{name: (P, D_m)}`` and ``{name: (P,)}`` into ``(P, D)``.
        modality_dropout: in training, the probability that a modality of an item is dropped, so
            that the model learns to handle missing ones. An item keeps at least one modality.
        beside: modalities that the fusion does not read. They are encoded for what lies beside the
            learned vector, such as :mod:`mmrec.affinities`, and are never dropped.
        chunk: most inputs that a trained encoder takes at once. Activations of all chunks but the
            last are computed again for their gradient, so that memory does not grow with the pool
            (gradient caching, arXiv 2101.06983); None encodes the pool at once.

    Shape:
        pool of P slots → ``(P, D)``. Slot 0, padding, gets a finite vector that is not used.

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
        encoders: Mapping[str, Encoder],
        fusion: Fusion,
        *,
        modality_dropout: float = 0.0,
        chunk: int | None = 64,
        beside: Sequence[str] = (),
    ) -> None:
        super().__init__()
        if unknown := sorted(set(beside) - set(encoders)):
            raise ValueError(f"beside expects some of {sorted(encoders)}; got {unknown}")
        check_items({name: e for name, e in encoders.items() if name not in beside}, fusion)
        if not 0 <= modality_dropout < 1:
            raise ValueError(f"modality_dropout must be in [0, 1); got {modality_dropout}")
        self.encoders = nn.ModuleDict(cast(Mapping[str, nn.Module], encoders))
        self.fusion = fusion
        self.modality_dropout, self.chunk, self.beside = modality_dropout, chunk, list(beside)

    @property
    def dim(self) -> int:
        """Width of an item vector, D."""
        return self.fusion.dim

    def forward(self, pool: ItemPool) -> Float[Tensor, "P D"]:
        """Return the vector of every slot."""
        return self.fuse(*self.features(pool))

    def fuse(
        self, features: Mapping[str, Tensor], present: Mapping[str, Bool[Tensor, " P"]]
    ) -> Float[Tensor, "P D"]:
        """Return the vector of every slot from :meth:`features`."""
        read = self.fusion.dims
        return self.fusion({n: features[n] for n in read}, {n: present[n] for n in read})

    def features(self, pool: ItemPool) -> Features:
        """Return the features of each modality of the pool; they are zero where it is absent.

        Raises:
            ValueError: the pool lacks a modality.
        """
        lacking = sorted(set(self.encoders) - set(pool.present))
        if lacking:
            raise ValueError(f"items need the modalities {lacking}; got {sorted(pool.present)}")
        present = {name: pool.present[name] for name in self.encoders}
        features = {}
        for name, encoder in self.encoders.items():
            width = cast(Encoder, encoder).dim
            values = torch.zeros(len(pool), width, device=pool.items.device)
            if name in pool.content:
                encoded = self._encode(encoder, pool.content[name])
                here = present[name].nonzero().squeeze(1)
                values = values.to(encoded.dtype).index_copy_(0, here, encoded)
            features[name] = values
        return features, self._drop(present)

    def _encode(self, encoder: nn.Module, inputs: Inputs) -> Tensor:
        """Return vectors of inputs; trained encoders of raw values run in checkpointed chunks."""
        if not reads_raw_values(encoder) or self.chunk is None:
            return cast(Tensor, encoder(inputs))
        run: Callable[[Inputs], Tensor] = encoder
        if torch.is_grad_enabled() and any(p.requires_grad for p in encoder.parameters()):
            run = checkpointed(encoder)
        *parts, last = _split(inputs, self.chunk)
        with fast_products():
            # The backward pass starts with the last chunk, so its activations are kept.
            return torch.cat([*(run(part) for part in parts), encoder(last)])

    def _drop(self, present: dict[str, Bool[Tensor, " P"]]) -> dict[str, Bool[Tensor, " P"]]:
        read = [name for name in present if name not in self.beside]
        if not self.training or self.modality_dropout == 0 or len(read) == 1:
            return present
        here = torch.stack([present[name] for name in read])
        kept = here & (torch.rand(here.shape, device=here.device) >= self.modality_dropout)
        kept = torch.where(kept.any(0), kept, here)
        return present | dict(zip(read, kept, strict=True))


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
    """Return the vector of every catalogue index, and the contribution of each modality to it.

    A contribution is the vector minus the vector of the same item without the modality; it is zero
    for an item that lacks the modality. Content is encoded once, and fused once more per modality.

    Args:
        items: the item tower.
        sources: the content of the catalogue.
        catalog_size: V.
        modalities: those whose contributions are computed; None for all that the fusion reads.
        batch_size: number of items encoded at once.

    Returns:
        Vectors ``(V + 1, D)`` in float32, and contributions ``(V + 1, D)`` in float16 by modality.
    """
    read = [name for name in items.encoders if name in items.fusion.dims]
    names = read if modalities is None else list(modalities)
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
            vectors[rows] = items.fuse(features, present)[1:].float()
            for name in names:
                lacking = present | {name: torch.zeros_like(present[name])}
                without = items.fuse(features, lacking)[1:].float()
                contributions[name][rows] = (vectors[rows] - without).half()
    finally:
        items.train(training)
    return vectors, contributions


def _split(inputs: Inputs, size: int) -> list[Inputs]:
    """Split inputs into the fewest chunks of at most ``size``, all of similar size."""
    if isinstance(inputs, Tensor):
        return list(inputs.tensor_split(max(1, -(-len(inputs) // size))))
    parts = {name: _split(tensor, size) for name, tensor in inputs.items()}
    return [dict(zip(parts, rows, strict=True)) for rows in zip(*parts.values(), strict=True)]
