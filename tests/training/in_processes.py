"""What `test_distributed.py` runs in two processes: python in_processes.py FOLDER."""
# ruff: noqa: E402 (the hook goes before the imports it checks)

import os
import pickle
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import checked
import numpy as np
import torch
import torch.distributed as dist

checked.install()
torch.set_num_threads(1)

from lightning import Callback, Trainer

from mmrec.data import (
    Catalog,
    Collator,
    Interactions,
    Shards,
    TableSource,
    id_source,
    load_pool,
    split_by_time,
    windows,
    write_shards,
)
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.losses import bce_loss, bpr_loss, gbce_loss, softmax_loss
from mmrec.models import gru4rec
from mmrec.sampling import FullSampler, InBatchSampler, PopularitySampler, UnionSampler
from mmrec.scoring import MLPScorer
from mmrec.training import SequenceDataModule, SequentialRecommender, ShardDataModule

LOSSES = {"softmax": softmax_loss, "bpr": bpr_loss, "bce": bce_loss, "gbce": gbce_loss}


def made_split(users=31, steps=14, items=40):
    """Return a split of random walks."""
    item = np.random.default_rng(0).integers(items, size=users * steps)
    log = {
        "user_id": [f"u{n % users}" for n in range(users * steps)],
        "item_id": [f"i{number}" for number in item],
        "timestamp": list(range(users * steps)),
    }
    return split_by_time(Interactions(log), Catalog({"item_id": [f"i{n}" for n in range(items)]}))


def made_sources(split, texts):
    """Ids of all items, and a text of those in `texts`."""
    size = split.catalog_size
    table = np.random.default_rng(1).normal(size=(size + 1, 6)).astype(np.float32)
    there = np.isin(np.arange(size + 1), texts)
    return {
        "id": id_source({i: i for i in range(1, size + 1)}, size),
        "t": TableSource(table, there),
    }


def made_model(split, rerank=False, dropout=0.0):
    torch.manual_seed(0)
    encoders = {"id": IdEncoder(split.catalog_size, 8), "t": FeatureEncoder(6)}
    reranker = MLPScorer(8, 8, dropout=0.0) if rerank else None
    if reranker is not None:
        torch.nn.init.normal_(reranker.score.weight)  # it starts at 0
    return gru4rec(encoders, dim=8, dropout=dropout, modality_dropout=dropout, reranker=reranker)


def negatives(split, name):
    counts = split.train_counts
    if name == "drawn":
        return PopularitySampler(counts, 4)
    if name == "full":
        return FullSampler(np.flatnonzero(counts))
    return UnionSampler([InBatchSampler(counts, 12), PopularitySampler(counts, 4)])


def joined(batches, sources):
    """One batch of several, item by item: the reference."""
    pools = [batch.pool for batch in batches]
    held = sorted({item for pool in pools for item in pool.items.tolist()} - {0})
    drawn = {}
    for pool in pools:
        for item, chosen, log_q in zip(pool.items, pool.candidates, pool.log_q, strict=True):
            if chosen:
                drawn[int(item)] = float(log_q)
    log_q = [np.log(1 - (1 - np.exp(drawn[i])) ** len(pools)) if i in drawn else 0.0 for i in held]
    pool = load_pool(np.array(held), sources, np.array([i in drawn for i in held]), np.array(log_q))
    steps = max(batch.history.shape[1] for batch in batches)

    def wide(name, slots=False):
        parts = []
        for batch in batches:
            value = getattr(batch, name)
            if slots:
                at = [0, *(held.index(i) + 1 for i in batch.pool.items.tolist()[1:])]
                value = torch.tensor(at)[value]
            parts.append(torch.nn.functional.pad(value, (0, steps - value.shape[1])))
        return torch.cat(parts)

    return replace(
        batches[0],
        history=wide("history", True),
        target=wide("target", True),
        gap=wide("gap"),
        event_type=wide("event_type"),
        since=wide("since"),
        pool=pool,
    )


def gradients_of(model, loss):
    model.zero_grad()
    loss.backward()
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in model.named_parameters()
    }


def compare(split, loss, drawn, *, rerank=False, texts=range(3, 30)):
    """The averaged gradients of two processes, and those of one with both batches."""
    rank = dist.get_rank()
    sources = made_sources(split, list(texts))
    model = made_model(split, rerank)
    collate = Collator(split.train, sources, negatives(split, drawn))
    spans = windows(split.train, 5)
    batch = collate(list(spans[[0, 1, 2, 3, 4] if rank else [9, 10]]))
    module = SequentialRecommender(model, loss=LOSSES[loss])
    module.log = lambda *args, **options: None
    value = module.training_step(batch, 0)
    mine = gradients_of(model, value)
    for gradient in mine.values():
        dist.all_reduce(gradient)
        gradient /= 2
    value = value.detach().clone()
    dist.all_reduce(value)
    batches = [None, None]
    dist.all_gather_object(batches, batch)
    both = joined(batches, sources)
    output = model(both)
    expected = LOSSES[loss](output.logits, output.target, output.candidates, output.log_q)
    if rerank:
        expected = expected + module._ranking_loss(module.model.reranker, output, both)
    return {
        "loss": (value / 2, expected.detach()),
        "gradients": (mine, gradients_of(model, expected)),
        "pools": [batch.pool.items[batch.pool.candidates].tolist() for batch in batches],
        "with_text": ["t" in batch.pool.content for batch in batches],
    }


class Watch(Callback):
    """Writes down what this process trains and validates."""

    def __init__(self):
        self.epochs, self.steps, self.validated, self.text = [], [], [], []

    def on_train_epoch_start(self, trainer, pl_module):
        self.epochs.append([])
        self.steps.append(0)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.epochs[-1] += batch.pool.items[batch.target[batch.target > 0]].tolist()
        self.steps[-1] += 1
        self.text.append("t" in batch.pool.content)

    def on_validation_epoch_start(self, trainer, pl_module):
        self.validated.append([])

    def on_validation_batch_end(
        self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0
    ):
        self.validated[-1] += batch.position.tolist()


def in_memory(split, max_valid=None):
    return SequenceDataModule(
        split,
        made_sources(split, [7]),  # most batches have no text at all
        negatives(split, "both"),
        batch_size=3,
        max_length=5,
        max_valid=max_valid,
    )


def on_shards(split, folder):
    """Shards that the first process writes and both read."""
    if int(os.environ["RANK"]) == 0:
        # Any catalogue will do that is as large as the split's: sequences hold indices.
        catalog = Catalog({"item_id": range(split.catalog_size)})
        write_shards(split.train, folder / "shards", catalog, group_events=60)
    dist.barrier()
    return ShardDataModule(
        Shards.open(folder / "shards"),
        made_sources(split, [7]),
        negatives(split, "both"),
        split=split,
        batch_size=3,
        max_length=5,
        buffer=20,
    )


def train(split, data):
    watch = Watch()
    module = SequentialRecommender(made_model(split, rerank=True, dropout=0.2), lr=0.01)
    trainer = Trainer(
        accelerator="cpu",
        devices=2,
        strategy="ddp",
        max_epochs=2,
        callbacks=[watch],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(module, datamodule=data)
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    return watch.__dict__ | {"metrics": metrics, "weights": module.state_dict()}


def main(folder):
    split = made_split()
    result = {
        "train": train(split, in_memory(split)),
        "one_event": train(split, in_memory(split, max_valid=1)),
        "shards": train(split, on_shards(split, folder)),
    }
    for loss in LOSSES:
        result[loss] = compare(split, loss, "both")
    result["reranker"] = compare(split, "softmax", "both", rerank=True)
    result["drawn"] = compare(split, "softmax", "drawn")
    result["drawn, reranker"] = compare(split, "softmax", "drawn", rerank=True)
    result["full"] = compare(split, "softmax", "full")
    mine = set(result["softmax"]["pools"][0]) - set(result["softmax"]["pools"][1])
    result["absent"] = compare(split, "softmax", "both", texts=sorted(mine)[:2])
    (folder / f"{dist.get_rank()}.pkl").write_bytes(pickle.dumps(result))


def meet(folder):
    """Connect both processes through a file: a free port might be taken before it is used."""
    store = f"file://{folder.resolve() / 'store'}"
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    dist.init_process_group("gloo", store, timedelta(seconds=60), size, rank)


def work():
    folder = Path(sys.argv[1])
    meet(folder)  # Lightning keeps a group that is there
    main(folder)
    dist.destroy_process_group()


if __name__ == "__main__":
    from forked import in_two

    in_two(work)
