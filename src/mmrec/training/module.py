"""The LightningModule: it wires a model, a loss and an optimiser, and computes nothing itself."""

from collections.abc import Callable
from itertools import combinations

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from mmrec.cpu import fast_products
from mmrec.data import Batch
from mmrec.evaluation import HeldOut
from mmrec.fusion import SiameseFusion
from mmrec.losses import alignment_loss, shortlist, shortlist_loss, softmax_loss
from mmrec.metrics import NDCG, HitRate, rank_of_target
from mmrec.models import CatalogScorer, SequentialModel, encode_catalog
from mmrec.models.sequential import Output
from mmrec.training.distributed import join, keep_in_graph, several_processes
from mmrec.training.optimizers import build_optimizer, warmup_cosine

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""``(logits (N, P), target (N,), candidates (P,), log_q (P,))`` → scalar."""


RANKED_ROWS = 512
"""Targets of a batch, drawn at random, for which a ranking scorer ranks a short list."""


class SequentialRecommender(LightningModule):
    """Trains a :class:`SequentialModel` and validates it by ranking the whole catalogue.

    Args:
        model: the model.
        loss: of the logits of a pool, see :mod:`mmrec.losses`.
        lr: learning rate of everything but trained encoders.
        encoder_lr: learning rate of trained encoders (text and image models).
        weight_decay: of AdamW; biases, norms and vectors of missing modalities have none.
        warmup: share of the steps in which the learning rate rises, before its cosine falls.
        alignment: weight of the alignment loss between the modalities of a
            :class:`SiameseFusion`.

    In several processes (DDP) the candidates of all of them are the negatives of each, see
    :mod:`mmrec.training.distributed`; the alignment loss compares the items of one process.

    It logs ``train_loss``, ``valid_ndcg@10`` and ``valid_hr@10``. ``Trainer(precision=...)`` may be
    32-true, bf16-mixed or 16-mixed; losses are computed in float32.
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
        alignment: float = 0.0,
    ) -> None:
        super().__init__()
        self.model, self.loss = model, loss
        self.lr, self.encoder_lr, self.weight_decay = lr, encoder_lr, weight_decay
        self.warmup, self.alignment = warmup, alignment
        self.ndcg, self.hit_rate = NDCG(10), HitRate(10)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        with fast_products():
            joined = join(self.model(batch), batch.pool, self.model.scorer)
        output = joined.output
        loss = self.loss(output.logits, output.target, joined.candidates, joined.log_q)
        if self.model.reranker is not None:
            loss = loss + self._ranking_loss(output, joined.candidates)
        loss = joined.weight * loss
        fusion = self.model.items.fusion
        if self.alignment and isinstance(fusion, SiameseFusion):
            loss = loss + self.alignment * _alignment_loss(fusion, output)
        self.log("train_loss", loss, prog_bar=True, batch_size=len(batch))
        return keep_in_graph(loss, self.model) if several_processes() else loss

    def _ranking_loss(self, output: Output, candidates: Tensor) -> Tensor:
        """Softmax over the target and the short list that the retrieval scorer would find."""
        assert self.model.reranker is not None
        # A draw of the rows: each costs a short list, a hundred times what it costs to retrieve.
        rows = torch.randperm(len(output.target), device=output.target.device)[:RANKED_ROWS]
        logits, target, states = output.logits[rows], output.target[rows], output.states[rows]
        short = shortlist(logits, target, candidates, self.model.shortlist)
        # Two stages: the reranker reads interests and vectors but doesn't bend them.
        added = self.model.reranker(states.detach(), output.vectors.detach()[short])
        return shortlist_loss(logits.detach().gather(1, short) + added)

    def on_validation_epoch_start(self) -> None:
        """Encode the catalogue once."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        vectors = encode_catalog(self.model.items, data.sources, data.split.catalog_size)
        counts = torch.from_numpy(data.split.train_counts)
        self.catalog_scorer = CatalogScorer(self.model, vectors, counts, max_length=data.max_length)
        self.blocked = torch.ones(len(vectors), dtype=torch.bool, device=vectors.device)
        self.blocked[torch.from_numpy(data.split.candidates).to(vectors.device)] = False

    def validation_step(self, batch: HeldOut, batch_idx: int) -> None:
        """Rank every candidate for a batch of held-out events, seen items filtered."""
        if not len(batch.target):
            return
        scores = self.catalog_scorer.scores(batch.histories)
        exclude = self.blocked.repeat(len(scores), 1)
        exclude[batch.seen[0], batch.seen[1]] = True
        scores = self.catalog_scorer.rerank(scores, batch.histories, exclude)
        ranks = rank_of_target(scores, batch.target, exclude)
        self.ndcg.update(ranks)
        self.hit_rate.update(ranks)

    def on_validation_epoch_end(self) -> None:
        """Log once an epoch: the metrics add up over all batches and processes."""
        self.log("valid_ndcg@10", self.ndcg, prog_bar=True)
        self.log("valid_hr@10", self.hit_rate, prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW with a warm-up and a cosine, stepped with every batch."""
        fused = "mixed" not in str(self.trainer.precision)
        optimizer = build_optimizer(
            self.model, self.lr, self.encoder_lr, self.weight_decay, fused=fused
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = warmup_cosine(optimizer, steps, self.warmup)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def _alignment_loss(fusion: SiameseFusion, output: Output) -> Tensor:
    """Mean over the pairs of modalities, each over the items that have both."""
    projected = fusion.project(output.features, output.present)
    losses = [
        alignment_loss(projected[a], projected[b], output.present[a] & output.present[b])
        for a, b in combinations([name for name in projected if name != "id"], 2)
    ]
    return torch.stack(losses).mean() if losses else output.logits.new_zeros(())
