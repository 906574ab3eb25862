"""The LightningModule: it wires a model, a loss and an optimizer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from mmrec.cpu import fast_products
from mmrec.data import Batch
from mmrec.evaluation import HeldOut
from mmrec.losses import (
    Loss,
    Output,
    labeled_negative_loss,
    shortlist,
    shortlist_loss,
    softmax_loss,
)
from mmrec.metrics import NDCG, HitRate, rank_of_target
from mmrec.models import CatalogScorer, SequentialModel, encode_catalog
from mmrec.scoring import Reranker
from mmrec.training.distributed import join, keep_in_graph, several_processes
from mmrec.training.optimizers import build_optimizer, warmup_cosine

RANKED_ROWS = 512
"""Number of targets of a batch, drawn at random, whose short lists train the reranker."""


class SequentialRecommender(LightningModule):
    """Trains a :class:`SequentialModel` and validates it by ranking the whole catalogue.

    Args:
        model: the model.
        loss: the loss of the logits of a pool, see :mod:`mmrec.losses`. The parameters of a loss
            that is a module are trained with the model, at the rate ``lr``.
        lr: learning rate of everything except trained text and image models.
        encoder_lr: learning rate of trained text and image models.
        weight_decay: weight decay of AdamW; biases, norms and vectors of missing modalities have
            none.
        warmup: share of the steps in which the learning rate rises, before it falls by a cosine.
        schedule: number of these steps; by default those of the trainer.
        stage: the name of the training, for callbacks: of ``fit``, ``select``, ``valid`` or
            ``all``.

    Parts with an auxiliary loss (:class:`mmrec.losses.AuxiliaryLoss`), except for a reranker, add
    it to the loss.

    In several processes (DDP) the candidates of all processes are negatives of each, see
    ``mmrec.training.distributed``. Auxiliary losses use the items of one process.

    A reranker learns beside the rest and changes none of it: interests and item vectors become what
    they would be without it, bit for bit on a CPU in 32-true.

    It logs ``train_loss``, and ``valid_ndcg@10`` and ``valid_hr@10`` of the retrieval scorer.
    ``Trainer(precision=...)`` may be 32-true, bf16-mixed or 16-mixed; losses are computed in
    float32.
    """

    def __init__(
        self,
        model: SequentialModel,
        *,
        loss: Loss = softmax_loss,
        lr: float = 3e-3,
        encoder_lr: float = 2e-5,
        weight_decay: float = 0.01,
        warmup: float = 0.05,
        schedule: int | None = None,
        stage: str = "select",
    ) -> None:
        super().__init__()
        self.model, self.loss = model, loss
        self.lr, self.encoder_lr, self.weight_decay = lr, encoder_lr, weight_decay
        self.warmup, self.schedule, self.stage = warmup, schedule, stage
        self.ndcg, self.hit_rate = NDCG(10), HitRate(10)
        self.shows_loss = False

    def on_train_start(self) -> None:
        """Look whether there is a progress bar.

        Lightning reads what is logged for one in each step, and the CPU waits for an accelerator.
        """
        self.shows_loss = self.trainer.progress_bar_callback is not None

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        with fast_products():
            output, weight = join(self.model(batch), batch.pool, self.model.scorer)
        loss = self._loss_of_targets(output, batch)
        if self.model.reranker is not None:
            with self._draws_apart(batch_idx):
                loss = loss + self._ranking_loss(self.model.reranker, output, batch)
        loss = weight * loss
        auxiliary = self.model.auxiliary_loss(output)
        if auxiliary is not None:
            loss = loss + auxiliary
        self.log("train_loss", loss, prog_bar=self.shows_loss, batch_size=len(batch))
        return keep_in_graph(loss, self) if several_processes() else loss

    def _loss_of_targets(self, output: Output, batch: Batch) -> Tensor:
        """Return the weighted mean of the loss, with that of labeled negatives."""
        valid = batch.target.flatten() > 0
        if batch.weight is None:
            loss = self.loss(output.logits, output.target, output.candidates, output.log_q)
        else:
            # A loss is a mean over rows, so rows of one weight are taken together.
            weight = batch.weight.flatten()[valid]
            loss, total = output.logits.sum() * 0, weight.sum().clamp(min=1e-12)
            for value in weight.unique():
                rows = weight == value
                part = self.loss(
                    output.logits[rows], output.target[rows], output.candidates, output.log_q
                )
                loss = loss + part * value * rows.sum() / total
        if batch.below is not None:
            negatives = output.columns_of(batch.below.flatten(0, 1)[valid])
            loss = loss + labeled_negative_loss(output.logits, output.target, negatives)
        return loss

    @contextmanager
    def _draws_apart(self, batch_idx: int) -> Iterator[None]:
        """Keep random numbers that are drawn inside from changing those that are drawn later."""
        cuda = self.device.type == "cuda"
        seed = (torch.initial_seed() + self.global_step + batch_idx) % 2**63
        with torch.random.fork_rng([self.device] if cuda else []):
            torch.default_generator.manual_seed(seed)
            if cuda:
                torch.cuda.default_generators[self.device.index or 0].manual_seed(seed)
            yield

    def _ranking_loss(self, reranker: Reranker, output: Output, batch: Batch) -> Tensor:
        """Return the softmax loss over the target and the short list of the retrieval scorer.

        Items that the history has, as far as it is in the batch, are on no short list: they are not
        recommended either.
        """
        # Some rows only: scoring a short list costs a hundred times as much as retrieval.
        rows = torch.randperm(len(output.target), device=output.target.device)[:RANKED_ROWS]
        logits, target, states = output.logits[rows], output.target[rows], output.states[rows]
        seen = output.candidates_of(batch.pool.items[_before(batch, rows)])
        left = logits.detach().scatter(1, seen, -torch.inf)
        short = shortlist(left, target, output.candidates, self.model.shortlist)
        slots = torch.cat([output.positives[rows].unsqueeze(1), output.slots[short[:, 1:]]], dim=1)
        # Detached: the reranker does not train interests and item vectors.
        added = reranker(states.detach(), output.vectors.detach()[slots])
        known = logits.detach().gather(1, short).masked_fill(short == 0, -torch.inf)
        return shortlist_loss(known + added)

    def on_validation_epoch_start(self) -> None:
        """Encode the catalogue once."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        vectors = encode_catalog(self.model.items, data.sources, data.split.catalog_size)
        counts = torch.from_numpy(data.split.train_counts)
        users, features = None, getattr(data, "users", None)
        if self.model.users is not None and features is not None:
            rows = len(next(iter(features.values())).present) - 1
            users = encode_catalog(self.model.users, features, rows)
        self.catalog_scorer = CatalogScorer(
            self.model, vectors, counts, max_length=data.max_length, users=users
        )
        self.blocked = torch.ones(len(vectors), dtype=torch.bool, device=vectors.device)
        self.blocked[torch.from_numpy(data.split.candidates).to(vectors.device)] = False

    def validation_step(self, batch: HeldOut, batch_idx: int) -> None:
        """Rank every candidate for a batch of held-out events; seen items are excluded.

        They are ranked by the retrieval scorer, with a reranker too: what is retrieved does not
        depend on it, and neither does the epoch that is chosen.
        """
        if not len(batch.target):
            return
        scores = self.catalog_scorer.scores(batch.histories)
        exclude = self.blocked.repeat(len(scores), 1)
        exclude[batch.seen[0], batch.seen[1]] = True
        ranks = rank_of_target(scores, batch.target, exclude)
        self.ndcg.update(ranks)
        self.hit_rate.update(ranks)

    def on_validation_epoch_end(self) -> None:
        """Log the metrics, which accumulate over all batches and processes."""
        self.log("valid_ndcg@10", self.ndcg, prog_bar=True)
        self.log("valid_hr@10", self.hit_rate, prog_bar=True)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip as the trainer says, the gradient of a reranker apart from that of the rest."""
        reranker = self.model.reranker
        if reranker is None or not gradient_clip_val or gradient_clip_algorithm == "value":
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        own = list(cast(nn.Module, reranker).parameters())
        apart = set(map(id, own))
        every = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        rest = [parameter for parameter in every if id(parameter) not in apart]
        for parameters in (own, rest):
            nn.utils.clip_grad_norm_(parameters, gradient_clip_val)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return AdamW with a warm-up and a cosine schedule, stepped with every batch."""
        fused = "mixed" not in str(self.trainer.precision)
        optimizer = build_optimizer(
            self.model,
            self.lr,
            self.encoder_lr,
            self.weight_decay,
            loss=self.loss,
            fused=fused,
        )
        steps = self.schedule or int(self.trainer.estimated_stepping_batches)
        schedule = warmup_cosine(optimizer, steps, self.warmup)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def _before(batch: Batch, chosen: Tensor) -> Tensor:
    """Return the pool slots of the items before the chosen targets, ``(R, T)``; 0 for none."""
    rows, places = (batch.target > 0).nonzero(as_tuple=True)
    later = torch.arange(batch.history.shape[1], device=places.device) > places[chosen, None]
    return batch.history[rows[chosen]].masked_fill(later, 0)
