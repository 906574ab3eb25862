"""Sample lists in the logs: what the model recommends after each epoch, as text."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from mmrec.data import Catalog
from mmrec.display import title_of
from mmrec.evaluation import HeldOut

log = logging.getLogger(__name__)


class SampleLists(Callback):
    """Writes the lists of a few validation requests after each epoch, as a table.

    TensorBoard shows it under its texts; a logger with a folder, such as that of CSV, gets the file
    ``samples.md``; otherwise it is logged as a message. The requests are the same in each epoch,
    and items of the history are left out, as in the metrics. The table shows histories of users,
    who are not named.

    Args:
        catalog: the items, whose titles are shown.
        requests: how many lists.
        k: items of a list.
        last: items of the history that are shown.

    Raises:
        ValueError: a number is less than 1.

    Example:
        >>> catalog = Catalog({"item_id": ["a"], "title": ["A lamp"]})
        >>> SampleLists(catalog, k=3).k
        3
    """

    def __init__(self, catalog: Catalog, *, requests: int = 3, k: int = 5, last: int = 3) -> None:
        if min(requests, k, last) < 1:
            raise ValueError(f"requests, k and last must be 1 or more; got {(requests, k, last)}")
        self.catalog, self.requests, self.k, self.last = catalog, requests, k, last

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: HeldOut,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write the lists of some requests of the first batch."""
        if batch_idx or not len(batch.target) or not trainer.is_global_zero:
            return
        text = self._table(pl_module, batch)
        for logger in trainer.loggers:
            _write(logger, text, trainer.current_epoch, trainer.global_step)
        if not trainer.loggers:
            log.info("%s", text)

    def _table(self, module: Any, batch: HeldOut) -> str:
        chosen = np.linspace(0, len(batch.target) - 1, self.requests).astype(int)
        scores = module.catalog_scorer.scores(batch.histories)
        rows = batch.row if batch.row is not None else np.arange(len(batch.target))
        lines = ["| history | list | what was taken |", "|---|---|---|"]
        for target in dict.fromkeys(chosen.tolist()):
            row = int(rows[target])
            past = batch.histories.items[row]
            allowed = scores[row].masked_fill(module.blocked, -torch.inf)
            allowed[batch.seen[1][batch.seen[0] == row]] = -torch.inf
            best = allowed.topk(min(self.k, int(torch.isfinite(allowed).sum()))).indices
            cells = [past[past > 0][-self.last :], best, batch.target[target : target + 1]]
            lines.append("| " + " | ".join(self._names(cell.tolist()) for cell in cells) + " |")
        return "\n".join(lines)

    def _names(self, indices: list[int]) -> str:
        ids = self.catalog.ids_of(indices)
        names = [title_of(self.catalog, item) or str(item) for item in ids]
        return "; ".join(" ".join(name.replace("|", "/").split()) for name in names)


def _write(logger: Logger, text: str, epoch: int, step: int) -> None:
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_text("samples", text, step)
    elif folder := getattr(logger, "log_dir", None):
        with Path(folder, "samples.md").open("a", encoding="utf-8") as file:
            file.write(f"## Epoch {epoch}\n\n{text}\n\n")
    else:
        log.info("%s", text)
