"""What is plugged into RecTools' models: a loss, and an item net of given vectors."""

from typing import Any

import numpy as np
import torch
from rectools.dataset import Dataset
from rectools.models.nn.item_net import ItemNetBase
from rectools.models.nn.transformers.lightning import TransformerLightningModule
from split_file import SplitFile


class FlatSoftmax(TransformerLightningModule):
    """RecTools' softmax loss at the positions that have a target; the others count for nothing."""

    def _calc_custom_loss(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        real = batch["y"] != 0
        return torch.nn.functional.cross_entropy(
            self.get_batch_logits(batch)[real], batch["y"][real]
        )


LOSSES = {"softmax": TransformerLightningModule, "flat": FlatSoftmax}


class ContentItemNet(ItemNetBase):
    """A linear map of the vectors that are the dataset's dense features."""

    def __init__(self, vectors: torch.Tensor, n_factors: int, dropout_rate: float) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors)
        self.linear = torch.nn.Linear(vectors.shape[1], n_factors, bias=False)
        self.dropout = torch.nn.Dropout(dropout_rate)

    def forward(self, items: torch.Tensor) -> torch.Tensor:
        """Numbers of items to vectors; that of padding is 0."""
        return self.dropout(self.linear(self.vectors[items]))

    @classmethod
    def from_dataset(
        cls, dataset: Dataset, n_factors: int, dropout_rate: float, **_: Any
    ) -> "ContentItemNet":
        """What RecTools calls."""
        vectors = torch.from_numpy(np.asarray(dataset.item_features.values, dtype=np.float32))
        return cls(vectors, n_factors, dropout_rate)

    @property
    def out_dim(self) -> int:
        """Width of an item's vector."""
        return self.linear.out_features


def content_of(split: SplitFile) -> np.ndarray:
    """The content of each item, scaled to a length of about 1, as models of texts give it."""
    return (split.content / np.sqrt(split.content.shape[1])).astype(np.float32)
