"""The codes of a catalogue, as a generative model reads and writes them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from torch import Tensor

from mmrec.data.device import OnDevice
from mmrec.generative.trie import CodeTrie
from mmrec.quantization import SemanticIds


@dataclass(frozen=True)
class ItemCodes(OnDevice):
    """The codes of every catalogue index, and which items were trained.

    Attributes:
        codes: ``(V + 1, L)``; index 0 is padding, with zeros.
        trained: items that a model has learned to write, ``(V + 1,)``.
        sizes: number of values of each column of codes.

    Raises:
        ValueError: shapes do not fit together.

    Example:
        >>> vectors = torch.tensor([[0.0], [1.0], [9.0]])
        >>> codes = ItemCodes.of(SemanticIds.fit(vectors, levels=1, size=2))
        >>> codes.codes.tolist(), codes.sizes
        ([[0, 0], [1, 0], [1, 1], [0, 0]], (2, 2))
    """

    codes: Int[Tensor, "V1 L"]
    trained: Bool[Tensor, " V1"]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.codes.shape != (len(self.trained), len(self.sizes)):
            raise ValueError(
                f"ItemCodes expects codes of shape {(len(self.trained), len(self.sizes))}, a row "
                f"an index; got {tuple(self.codes.shape)}"
            )

    @classmethod
    def of(
        cls,
        ids: SemanticIds,
        trained: Bool[Tensor, " V1"] | Bool[np.ndarray, " V1"] | None = None,
    ) -> "ItemCodes":
        """Return the codes of a catalogue whose row ``r`` has the index ``r + 1``.

        Args:
            ids: the semantic ids, a row for each item of the catalogue.
            trained: items with training events, index 0 for padding, such as
                ``split.train_counts > 0``; all by default.

        Raises:
            ValueError: ``trained`` has another length.
        """
        codes = F.pad(ids.codes, (0, 0, 1, 0))
        if trained is None:
            trained = torch.ones(len(codes), dtype=torch.bool, device=codes.device)
        return cls(codes, torch.as_tensor(trained, device=codes.device), ids.sizes)

    def __len__(self) -> int:
        return len(self.codes) - 1

    @cached_property
    def trie(self) -> CodeTrie:
        """The trie of the items; leaf ``r`` is the index ``r + 1``."""
        return CodeTrie.of(self.codes[1:])
