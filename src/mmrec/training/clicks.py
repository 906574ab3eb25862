"""The LightningModule of labeled impressions: it wires a model of clicks, a loss, an optimizer."""

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torchmetrics import MeanMetric

from mmrec.cpu import fast_products
from mmrec.data import ImpressionBatch
from mmrec.losses import ClickLoss, click_loss
from mmrec.metrics import auc_by_group, log_loss, ndcg, ranks_of_clicks
from mmrec.models import ClickModel
from mmrec.training.distributed import keep_in_graph, several_processes
from mmrec.training.optimizers import build_optimizer, warmup_cosine


class ClickRecommender(LightningModule):
    """Trains a :class:`mmrec.models.ClickModel` on labeled impressions.

    Args:
        model: the model.
        loss: a loss of labeled impressions: :func:`mmrec.losses.click_loss` for probabilities,
            :func:`mmrec.losses.click_softmax_loss` for the order within impressions. The
            parameters of a loss that is a module are trained with the model.
        lr: learning rate of everything except trained text and image models.
        encoder_lr: learning rate of trained text and image models.
        weight_decay: weight decay of AdamW; biases, norms and vectors of missing modalities have
            none.
        warmup: share of the steps in which the learning rate rises, before it falls by a cosine.

    Encoders and fusions with an auxiliary loss (:class:`mmrec.losses.AuxiliaryLoss`) add it to the
    loss.

    It logs ``train_loss``; of validation ``valid_auc``, the mean over impressions that have a click
    and an item that was not clicked, ``valid_ndcg@10``, the mean over impressions with a click, and
    ``valid_log_loss``, the mean over all items shown. ``Trainer(precision=...)`` may be 32-true,
    bf16-mixed or 16-mixed; losses are computed in float32. In several processes (DDP) a step takes
    the mean of their losses, and metrics are those of all impressions.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> from mmrec.models import din
        >>> module = ClickRecommender(din({"id": IdEncoder(9, 8)}, dim=8), lr=0.01)
        >>> module.loss is click_loss
        True
    """

    def __init__(
        self,
        model: ClickModel,
        *,
        loss: ClickLoss = click_loss,
        lr: float = 1e-3,
        encoder_lr: float = 2e-5,
        weight_decay: float = 0.01,
        warmup: float = 0.05,
    ) -> None:
        super().__init__()
        self.model, self.loss = model, loss
        self.lr, self.encoder_lr = lr, encoder_lr
        self.weight_decay, self.warmup = weight_decay, warmup
        self.auc, self.ndcg, self.log_loss = (MeanMetric() for _ in range(3))

    def training_step(self, batch: ImpressionBatch, batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        with fast_products():
            output = self.model(batch)
        loss = self.loss(output.logits, batch.clicked, batch.shown)
        auxiliary = self.model.auxiliary_loss(output)
        if auxiliary is not None:
            loss = loss + auxiliary
        self.log("train_loss", loss, prog_bar=True, batch_size=max(len(batch), 1))
        return keep_in_graph(loss, self) if several_processes() else loss

    def validation_step(self, batch: ImpressionBatch, batch_idx: int) -> None:
        """Add the metrics of a batch; the last one of a process may have no impression."""
        if not len(batch):
            return
        logits = self.model(batch).logits.float()
        shown, hits = batch.shown, batch.clicked.any(1)
        rows = torch.arange(len(batch), device=logits.device).unsqueeze(1).expand_as(shown)
        found = auc_by_group(logits[shown], batch.clicked[shown], rows[shown])
        _add(self.auc, found[~found.isnan()])
        ranks = ranks_of_clicks(logits[hits], batch.clicked[hits], shown[hits])
        _add(self.ndcg, ndcg(ranks, 10))
        loss = log_loss(logits[shown], batch.clicked[shown])
        self.log_loss.update(loss.float(), shown.sum())

    def on_validation_epoch_end(self) -> None:
        """Log the metrics, which accumulate over all batches and processes."""
        self.log("valid_auc", self.auc, prog_bar=True)
        self.log("valid_ndcg@10", self.ndcg, prog_bar=True)
        self.log("valid_log_loss", self.log_loss, prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return AdamW with a warm-up and a cosine schedule, stepped with every batch."""
        optimizer = build_optimizer(
            self.model, self.lr, self.encoder_lr, self.weight_decay, loss=self.loss
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = warmup_cosine(optimizer, steps, self.warmup)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def _add(metric: MeanMetric, values: Tensor) -> None:
    if len(values):  # a mean of nothing has no value
        metric.update(values.float())
