"""The LightningModule of a generative model, and one call that trains it."""

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import AdamW

from mmrec.data import Split
from mmrec.evaluation import HeldOut
from mmrec.generative import TIGER, GenerativeScorer, ItemCodes, code_loss
from mmrec.layers import seeded
from mmrec.metrics import NDCG, HitRate, rank_of_target
from mmrec.quiet import quiet
from mmrec.training.callbacks import average_and_stop, progress_bar
from mmrec.training.finite import FiniteLoss
from mmrec.training.next_items import NextItemDataModule, NextItems
from mmrec.training.optimizers import warmup_cosine
from mmrec.training.resume import MONITOR, Checkpoints


class GenerativeRecommender(LightningModule):
    """Trains a :class:`mmrec.generative.TIGER` and validates it by ranking the whole catalogue.

    It logs ``train_loss``, and ``valid_ndcg@10`` and ``valid_hr@10`` with seen items filtered.

    Args:
        model: the model.
        codes: of the catalogue.
        lr: learning rate.
        weight_decay: weight decay of AdamW; biases and norms have none.
        warmup: share of the steps in which the learning rate rises, before it falls by a cosine.
        beam: beam of validation, see :class:`mmrec.generative.GenerativeScorer`; None is exact.
    """

    def __init__(
        self,
        model: TIGER,
        codes: ItemCodes,
        *,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        warmup: float = 0.05,
        beam: int | None = None,
    ) -> None:
        super().__init__()
        self.model, self.codes, self.beam = model, codes, beam
        self.lr, self.weight_decay, self.warmup = lr, weight_decay, warmup
        self.ndcg, self.hit_rate = NDCG(10), HitRate(10)

    def on_fit_start(self) -> None:
        """Move the codes to the device of training."""
        self.codes = self.codes.to(self.device)

    def training_step(self, batch: NextItems, batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        codes, histories = self.codes.codes, batch.histories
        target = codes[batch.target]
        loss = code_loss(self.model(codes[histories.items], histories.mask, target), target)
        self.log("train_loss", loss, batch_size=len(batch))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Make the scorer, and find the items that are no candidates."""
        self.scorer = GenerativeScorer(self.model, self.codes, beam=self.beam)
        candidates = self.trainer.datamodule.split.candidates  # type: ignore[attr-defined]
        self.blocked = torch.ones(len(self.codes) + 1, dtype=torch.bool, device=self.device)
        self.blocked[torch.from_numpy(candidates).to(self.device)] = False

    def validation_step(self, batch: HeldOut, batch_idx: int) -> None:
        """Rank every candidate for a batch of held-out events; seen items are excluded."""
        if not len(batch.target):
            return
        exclude = self.blocked.repeat(len(batch.histories), 1)
        exclude[batch.seen[0], batch.seen[1]] = True
        scores = self.scorer.scores(batch.histories)
        ranks = rank_of_target(scores, batch.target, exclude)
        self.ndcg.update(ranks)
        self.hit_rate.update(ranks)

    def on_validation_epoch_end(self) -> None:
        """Log the metrics, which accumulate over all batches and processes."""
        self.log(MONITOR, self.ndcg, prog_bar=True)
        self.log("valid_hr@10", self.hit_rate, prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return AdamW with a warm-up and a cosine schedule, stepped with every batch."""
        parameters = list(self.model.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
        ]
        optimizer = AdamW(groups, lr=self.lr)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = warmup_cosine(optimizer, steps, self.warmup)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def fit_generative(
    model: TIGER,
    codes: ItemCodes,
    split: Split,
    *,
    epochs: int = 50,
    batch_size: int = 256,
    lr: float = 1e-3,
    weight_decay: float = 0.01,
    patience: int = 8,
    max_valid: int | None = 2000,
    beam: int | None = None,
    seed: int = 0,
    progress: bool = False,
) -> list[float]:
    """Train a model in place; return the validation NDCG@10 of each epoch.

    It ends in evaluation mode with the weights of its best epoch. On a CPU the same seed gives the
    same weights.

    Args:
        model: the model.
        codes: of the catalogue of ``split``.
        split: labelled events.
        epochs: most passes over the training events.
        batch_size: targets in a step.
        lr: learning rate.
        weight_decay: weight decay of AdamW.
        patience: epochs without a better validation NDCG@10 after which training stops.
        max_valid: maximal number of validation events, a fixed draw; None for all.
        beam: beam of validation; None scores every item exactly.
        seed: seed of order and dropout.
        progress: whether to show a progress bar.

    Raises:
        ValueError: codes are of another catalogue or model, a number is below 1, or the training
            part has no target.
        mmrec.training.NotFiniteError: the loss is not finite.
    """
    if len(codes) != split.catalog_size:
        raise ValueError(
            f"codes must be of the catalogue of the split, {split.catalog_size} items; got "
            f"{len(codes)}"
        )
    if min(epochs, batch_size, patience) < 1:
        raise ValueError(
            f"epochs, batch_size and patience must be 1 or more; got {epochs}, {batch_size} and "
            f"{patience}"
        )
    module = GenerativeRecommender(model, codes, lr=lr, weight_decay=weight_decay, beam=beam)
    GenerativeScorer(model, codes, beam=beam)  # what validation needs, before anything is trained
    data = NextItemDataModule(
        split,
        batch_size=batch_size,
        max_length=model.max_items,
        max_valid=max_valid,
        seed=seed,
    )
    kept = Checkpoints(None)
    with quiet(), seeded(seed):
        trainer = Trainer(
            max_epochs=epochs,
            gradient_clip_val=1.0,
            callbacks=[
                *average_and_stop(patience=patience, ema=0.0),
                *progress_bar(progress),
                FiniteLoss(None),
                kept,
            ],
            num_sanity_val_steps=0,
            logger=False,
            enable_model_summary=False,
            enable_progress_bar=progress,
        )
        trainer.fit(module.train(), datamodule=data)
    module.load_state_dict(kept.best)
    model.eval()
    return kept.curve
