"""What the sections of ``gpu.py`` share: clock, memory, figures, a generated shop, a trainer."""

import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import memory
from lightning import Callback, Trainer
from torch import Tensor

from mmrec.data import (
    Batch,
    Catalog,
    Interactions,
    Source,
    Split,
    TableSource,
    id_source,
    leave_one_out,
)
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.losses import softmax_loss
from mmrec.models import SequentialModel, gru4rec, sasrec
from mmrec.recommender.pipeline.train import quiet
from mmrec.sampling import Sampler, UniformSampler
from mmrec.training import SequenceDataModule, SequentialRecommender
from mmrec.training.optimizers import build_optimizer

MODELS = {"gru": gru4rec, "sasrec": sasrec}


FORMATS: dict[str, tuple[torch.dtype | None, bool]] = {
    "float32": (None, False),
    "TF32": (None, True),
    "bfloat16": (torch.bfloat16, False),
}
"""The type of autocast, and whether products of float32 are rounded to TF32."""


class Skipped(Exception):
    """A section that cannot run here; the message says why."""


@dataclass
class Bench:
    """One section: where it runs, how large, and what it has found.

    Attributes:
        device: the card, or the CPU of a dry run.
        dry: whether sizes are toys.
        path: the figures are written here after each change, so that a stopped section keeps them.
        seconds_left: the section is stopped after so many.
        figures: what it has found so far.
    """

    device: torch.device
    dry: bool
    path: Path
    seconds_left: float
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def cuda(self) -> bool:
        """Whether there is a card."""
        return self.device.type == "cuda"

    def size(self, real: int, toy: int) -> int:
        """Return a size: the real one on a card."""
        return toy if self.dry else real

    def note(self, **figures: Any) -> None:
        """Add figures."""
        self.figures |= figures
        self.write({})

    def write(self, ending: Mapping[str, str]) -> None:
        """Write the figures, and how the section ended; stopped at any time, the file is whole."""
        whole = self.path.with_suffix(".part")
        whole.write_text(json.dumps({"figures": self.figures} | dict(ending)))
        whole.replace(self.path)

    def read(self) -> dict[str, Any]:
        """Return what was written; no figures where that is nothing, or broken."""
        try:
            said: dict[str, Any] = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {"figures": {}}
        return said

    def wait(self) -> None:
        """Wait until the card has done what it was given."""
        if self.cuda:
            torch.cuda.synchronize()

    def seconds(self, action: Callable[[], Any], repeats: int = 20) -> float:
        """Return the median seconds of an action, after a warm-up that is not counted."""
        warm, repeats = (1, 2) if self.dry else (3, repeats)
        for _ in range(warm):
            action()
        self.wait()
        return statistics.median(self._one(action) for _ in range(repeats))

    def _one(self, action: Callable[[], Any]) -> float:
        if not self.cuda:
            start = time.perf_counter()
            action()
            return time.perf_counter() - start
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        action()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1000

    def peak_bytes(self, action: Callable[[], Any]) -> int:
        """Return the most bytes that tensors took during an action; on a CPU, of the process."""
        if not self.cuda:
            action()
            return memory("VmHWM")
        self.wait()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        action()
        self.wait()
        return torch.cuda.max_memory_allocated()


@contextmanager
def tf32(on: bool) -> Iterator[None]:
    """Let products, convolutions and recurrences of float32 round their factors to TF32, or not.

    By default PyTorch rounds in convolutions and recurrences alone.
    """
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if on else "highest")
    torch.backends.cudnn.allow_tf32 = on
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def copy_bandwidth(bench: Bench) -> float:
    """Return the bytes a second that the card reads and writes in a large copy."""
    source = torch.zeros(bench.size(2**28, 2**18), device=bench.device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / bench.seconds(lambda: target.copy_(source))


def matmul_peak(bench: Bench, dtype: torch.dtype, *, rounded: bool = False) -> float:
    """Return the operations a second of a large product; ``rounded`` for TF32."""
    width = bench.size(8192, 128)
    left, right = (torch.randn(width, width, device=bench.device, dtype=dtype) for _ in range(2))
    with tf32(rounded):
        return 2 * width**3 / bench.seconds(lambda: left @ right, repeats=10)


@dataclass(frozen=True)
class Shop:
    """A generated log with content.

    Attributes:
        split: the last two events of a user are held out.
        sources: ids, and features as of texts.
        features: of every catalogue index.
    """

    split: Split
    sources: Mapping[str, Source]
    features: np.ndarray

    def model(self, name: str = "gru", *, dim: int = 128, dropout: float = 0.1) -> SequentialModel:
        """Return a new model over ids and features."""
        trained = np.flatnonzero(self.split.train_counts)
        text = FeatureEncoder(self.features.shape[1]).fit(self.features[trained])
        encoders = {"id": IdEncoder(len(trained), dim), "text": text}
        return MODELS[name](encoders, dim=dim, dropout=dropout)

    def data(
        self,
        *,
        negatives: Sampler | None = None,
        batch_size: int = 64,
        length: int = 50,
        seed: int = 0,
        workers: int = 0,
    ) -> SequenceDataModule:
        """Return batches of windows; negatives are drawn uniformly by default."""
        trained = np.flatnonzero(self.split.train_counts)
        return SequenceDataModule(
            self.split,
            self.sources,
            negatives or UniformSampler(trained, 2048),
            batch_size=batch_size,
            max_length=length,
            workers=workers,
            seed=seed,
        )


def make_shop(users: int, items: int, steps: int, *, width: int = 384, seed: int = 0) -> Shop:
    """Generate a log: items lie in clusters and follow one another, users have tastes."""
    rng = np.random.default_rng(seed)
    clusters = max(items // 50, 2)
    cluster = np.arange(items) % clusters
    followers = (np.arange(items)[:, None] + clusters * rng.integers(1, 5, (items, 4))) % items
    tastes, last = rng.integers(clusters, size=(users, 3)), rng.integers(items, size=users)
    walks = np.empty((users, steps), dtype=np.int64)
    everyone = np.arange(users)
    for step in range(steps):
        place = rng.integers(4, size=users)
        liked = tastes[everyone, place % 3] + clusters * rng.integers(items // clusters, size=users)
        walks[:, step] = last = np.where(rng.random(users) < 0.5, followers[last, place], liked)
    frame = {
        "user_id": np.repeat(everyone, steps),
        "item_id": walks.flatten(),
        "timestamp": np.arange(users * steps) * 600,
    }
    split = leave_one_out(Interactions(frame), Catalog({"item_id": np.arange(items)}))
    centers = rng.normal(size=(clusters, width))
    features = np.zeros((items + 1, width), dtype=np.float32)
    features[1:] = centers[cluster] + 2 * rng.normal(size=(items, width))
    trained = np.flatnonzero(split.train_counts)
    vocabulary = {int(item): slot for slot, item in enumerate(trained, 1)}
    sources = {
        "id": id_source(vocabulary, items),
        "text": TableSource(features, np.arange(items + 1) > 0),
    }
    return Shop(split, sources, features)


class Losses(Callback):
    """Keeps the loss of each step, without waiting for it."""

    def __init__(self) -> None:
        self.kept: list[Tensor] = []

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, *_: Any) -> None:
        """Keep it."""
        self.kept.append(outputs["loss"].detach().clone())

    def values(self) -> list[float]:
        """Return the losses."""
        return torch.stack(self.kept).cpu().tolist()


def train(
    model: SequentialModel,
    data: SequenceDataModule,
    device: torch.device,
    *,
    epochs: int = 1,
    steps: int | None = None,
    precision: str = "32-true",
    validate: bool = False,
    callbacks: Sequence[Callback] = (),
    plugins: Sequence[Any] = (),
    resume: Path | None = None,
) -> Trainer:
    """Train as ``Recommender.fit`` does, on one device, and return the trainer."""
    with quiet():
        trainer = Trainer(
            max_epochs=epochs,
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=1,
            precision=precision,  # type: ignore[arg-type]
            gradient_clip_val=1.0,
            limit_train_batches=steps,
            limit_val_batches=None if validate else 0,
            callbacks=list(callbacks),
            plugins=list(plugins),
            logger=False,
            num_sanity_val_steps=0,
            enable_checkpointing=None if plugins else False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module = SequentialRecommender(model)
        trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    return trainer


def first_batches(data: SequenceDataModule, count: int) -> list[Batch]:
    """Return the first batches of an epoch, in memory of the CPU that is not page-locked."""
    loader = data.train_dataloader()
    loader.pin_memory = False
    return [batch for batch, _ in zip(loader, range(count), strict=False)]


class Step:
    """Forward, loss, backward and optimizer of a batch, without a trainer."""

    def __init__(self, model: SequentialModel, *, half: torch.dtype | None = None) -> None:
        self.model, self.half = model.train(), half
        self.optimizer = build_optimizer(model, 1e-3, 2e-5, 0.01, fused=True)

    def __call__(self, batch: Batch) -> None:
        """Take one step."""
        device = batch.target.device.type
        with torch.autocast(device, dtype=self.half, enabled=self.half is not None):
            output = self.model(batch)
        softmax_loss(output.logits, output.target, output.candidates, output.log_q).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
