"""Item vectors in TensorBoard's projector."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from mmrec.data import Catalog
from mmrec.display import title_of
from mmrec.models import encode_catalog
from mmrec.training.resume import Checkpoints, averaged


class ItemProjector(Callback):
    """Writes the vectors of items to TensorBoard's projector when a training ends.

    They are those of the weights that are kept. The points have the ids and titles of the items,
    and the values of further columns, by which the projector colors them. Without a logger of
    TensorBoard it does nothing.

    Args:
        catalog: the items.
        columns: further columns that are shown.
        most: items that are written, at most: those with the most training events.

    Raises:
        ValueError: a column doesn't exist, or ``most`` is less than 1.

    Example:
        >>> ItemProjector(Catalog({"item_id": ["a"], "kind": ["lamp"]}), ["kind"]).most
        10000
    """

    def __init__(
        self, catalog: Catalog, columns: Sequence[str] = (), *, most: int = 10_000
    ) -> None:
        self.catalog, self.columns, self.most = catalog, list(columns), most
        missing = [name for name in self.columns if name not in catalog.frame.columns]
        if missing:
            raise ValueError(
                f"columns must be among {catalog.frame.columns}; got {missing}, which don't exist"
            )
        if most < 1:
            raise ValueError(f"most must be 1 or more; got {most}")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Encode the items and write their vectors."""
        writers = [one for one in trainer.loggers if isinstance(one, TensorBoardLogger)]
        if not writers or not trainer.is_global_zero:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        model: Any = pl_module.model
        with _kept_weights(trainer, pl_module):
            vectors = encode_catalog(model.items, data.sources, data.split.catalog_size)
        counts = data.split.train_counts[1:]
        chosen = np.sort(np.argsort(-counts, kind="stable")[: self.most]) + 1
        rows = [[str(item), title_of(self.catalog, item)] for item in self.catalog.ids_of(chosen)]
        for column in self.columns:
            values = self.catalog.frame[column].gather(chosen - 1).to_list()
            rows = [[*row, str(value)] for row, value in zip(rows, values, strict=True)]
        metadata = [[" ".join(cell.split()) for cell in row] for row in rows]
        header = ["item_id", "title", *self.columns]
        for logger in writers:
            logger.experiment.add_embedding(
                vectors[torch.from_numpy(chosen)].cpu(),
                metadata,
                metadata_header=header,
                tag="items",
            )


@contextmanager
def _kept_weights(trainer: Trainer, module: LightningModule) -> Iterator[None]:
    """Give a module the weights that its training keeps, for a while."""
    parts = trainer.callbacks  # type: ignore[attr-defined]
    best = [one.best for one in parts if isinstance(one, Checkpoints) and one.best]
    weights: dict[str, Tensor] = best[0] if best else averaged(trainer, module)
    before = {name: value.detach().clone() for name, value in module.state_dict().items()}
    module.load_state_dict(weights)
    try:
        yield
    finally:
        module.load_state_dict(before)
