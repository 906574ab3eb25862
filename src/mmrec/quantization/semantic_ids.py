"""Semantic ids: the codes of the items of a catalogue."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmrec.quantization.residual import fit_codebooks, quantize


@dataclass(frozen=True)
class SemanticIds:
    """The codes of items, and the codebooks that give a new item its codes.

    Items of similar vectors share their first codes. The last number of an item is no code: it
    counts the items before it that have the same codes, so that all rows are different.

    Attributes:
        codebooks: ``(L, K, D)``.
        codes: a row for each item, ``(V, L + 1)``: its codes, coarse to fine, and the number.

    References:
        Rajput et al., "Recommender systems with generative retrieval" (2023), arXiv 2305.05065.

    Raises:
        ValueError: codes are outside of the codebooks, or two rows are equal.

    Example:
        >>> vectors = torch.tensor([[0.0, 0.0], [0.0, 0.1], [5.0, 5.0], [0.0, 0.0]])
        >>> ids = SemanticIds.fit(vectors, levels=1, size=2)
        >>> more = ids.assign(torch.tensor([[5.0, 5.2]]))  # an item that comes later
        >>> more.codes[2].tolist(), more.codes[4].tolist()
        ([1, 0], [1, 1])
        >>> bool((more.codes[:4] == ids.codes).all())
        True
    """

    codebooks: Float[Tensor, "L K D"]
    codes: Int[Tensor, "V L1"]

    def __post_init__(self) -> None:
        levels, size, _ = self.codebooks.shape
        if self.codes.shape[1] != levels + 1:
            raise ValueError(
                f"SemanticIds expects {levels} codes and a number for each item; got rows of "
                f"{self.codes.shape[1]}"
            )
        within = self.codes[:, :-1] < size
        if not within.all() or (self.codes < 0).any():
            raise ValueError(f"SemanticIds expects codes from 0 to {size - 1}; got others")
        if (same := len(self.codes) - len(self.codes.unique(dim=0))) > 0:
            raise ValueError(f"SemanticIds expects different rows; got {same} that repeat others")

    @classmethod
    def fit(
        cls, vectors: Float[Tensor, "V D"], levels: int = 3, size: int = 256, *, seed: int = 0
    ) -> "SemanticIds":
        """Return the ids of items by residual k-means, see :func:`fit_codebooks`.

        Raises:
            ValueError: there is no vector, one is NaN or infinite, or a number is below 1.
        """
        return cls.of(fit_codebooks(vectors, levels, size, seed=seed), vectors)

    @classmethod
    def of(cls, codebooks: Float[Tensor, "L K D"], vectors: Float[Tensor, "V D"]) -> "SemanticIds":
        """Return the ids of items with codebooks of any origin, such as an :class:`RQVAE`.

        Raises:
            ValueError: vectors have another width than the codebooks, or one is NaN or infinite.
        """
        codebooks = codebooks.detach().float()
        none = torch.zeros(0, len(codebooks) + 1, dtype=torch.long, device=codebooks.device)
        return cls(codebooks, none).assign(vectors)

    def assign(self, vectors: Float[Tensor, "N D"]) -> "SemanticIds":
        """Return ids that have new items too, behind those known; no known item changes.

        Args:
            vectors: of the new items, in the space of the codebooks.

        Raises:
            ValueError: vectors have another width than the codebooks, or one is NaN or infinite.
        """
        new = quantize(vectors, self.codebooks)
        every = torch.cat([self.codes[:, :-1], new])
        number = _occurrence(every)[len(self.codes) :]
        return replace(
            self, codes=torch.cat([self.codes, torch.cat([new, number.unsqueeze(1)], dim=1)])
        )

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of values in each column of ``codes`` that items of these ids may have.

        The last is K too, or more if more items than that have the same codes.
        """
        levels, size, _ = self.codebooks.shape
        most = int(self.codes[:, -1].max()) + 1 if len(self) else 1
        return (*[size] * levels, max(size, most))

    def save(self, path: str | Path) -> None:
        """Write the ids to a safetensors file."""
        tensors = {"codebooks": self.codebooks, "codes": self.codes}
        save_file({name: value.cpu().contiguous() for name, value in tensors.items()}, path)

    @classmethod
    def load(cls, path: str | Path) -> "SemanticIds":
        """Read ids that :meth:`save` has written.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged or holds something else.
        """
        try:
            tensors = load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        if set(tensors) != {"codebooks", "codes"}:
            raise ValueError(
                f"{path} must hold the codebooks and codes of semantic ids; got {sorted(tensors)}"
            )
        return cls(tensors["codebooks"], tensors["codes"])


def _occurrence(rows: Int[Tensor, "N L"]) -> Int[Tensor, " N"]:
    """Return how many rows before each are equal to it."""
    _, group, counts = rows.unique(dim=0, return_inverse=True, return_counts=True)
    order = group.argsort(stable=True)
    starts = counts.cumsum(0) - counts
    place = torch.empty_like(group)
    place[order] = torch.arange(len(rows), device=rows.device) - starts[group[order]]
    return place
