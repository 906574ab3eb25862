"""Sections of ``gpu.py`` about a single step: copies, waits; and about resuming."""

import os
import shutil
import sys
import time
import warnings
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from gpu_bench import Bench, Shop, Step, first_batches, make_shop, train
from lightning import Callback, Trainer
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from mmrec.training import Checkpoints, MovingAverage
from mmrec.training.resume import AtomicCheckpointIO, checkpoint_files


def transfers(bench: Bench) -> None:
    """Copies of batches to the card: page-locked or not, overlapping or not, loaders or not."""
    shop = make_shop(bench.size(2000, 40), bench.size(20_000, 100), 30)
    batches = first_batches(shop.data(batch_size=bench.size(64, 8)), bench.size(30, 3))
    step = Step(shop.model(dim=bench.size(128, 16)).to(bench.device))
    locked = [batch.pin_memory() for batch in batches] if bench.cuda else batches
    ways = {
        "pageable": (batches, False),
        "pinned": (locked, False),
        "pinned, overlapped": (locked, True),
    }

    def run(given: list[Any], non_blocking: bool, steps: bool) -> None:
        for batch in given:
            here = batch.to(bench.device, non_blocking=non_blocking)
            if steps:
                step(here)

    for name, way in ways.items():
        alone, together = (
            bench.seconds(partial(run, *way, steps), 5) / len(batches) for steps in (False, True)
        )
        bench.note(**{name: {"copy_seconds": alone, "copy_and_step_seconds": together}})
    for workers in (0, bench.size(4, 1)):
        for pin in (False, True):
            loader = shop.data(batch_size=bench.size(64, 8), workers=workers).train_dataloader()
            loader.pin_memory = pin and bench.cuda
            epochs = []
            for _ in range(2):
                start = time.perf_counter()
                for count, batch in enumerate(loader, 1):
                    step(batch.to(bench.device, non_blocking=True))
                    if count == len(batches):
                        break
                bench.wait()
                epochs.append((time.perf_counter() - start) / count)
            name = f"{workers} workers, {'pinned' if pin else 'pageable'}"
            bench.note(**{name: {"batch_seconds": epochs[-1]}})


class _CopyCheckpoint(Callback):
    """Copies the last checkpoint as a later epoch starts."""

    def __init__(self, folder: Path, copy: Path, epoch: int) -> None:
        self.folder, self.copy, self.epoch = folder, copy, epoch

    def on_train_epoch_start(self, trainer: Trainer, module: Any) -> None:
        """Copy it."""
        if trainer.current_epoch == self.epoch:
            shutil.copy(checkpoint_files(self.folder)[0], self.copy)


def resume(bench: Bench) -> None:
    """A training that is repeated, and one that is resumed, against the same undisturbed."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    shop = make_shop(bench.size(1000, 40), bench.size(2000, 100), 30)
    for name, deterministic in (("as it is", False), ("deterministic", True)):
        torch.use_deterministic_algorithms(deterministic, warn_only=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            first, repeated, resumed = _three_trainings(shop, bench)
        said = {str(w.message).partition(" ")[0] for w in caught if "determin" in str(w.message)}
        figures = {"operations_without_order": sorted(said)} if deterministic else {}
        for label, other in (("repeated", repeated), ("resumed", resumed)):
            gaps = [float((first[key] - other[key]).abs().max()) for key in first]
            figures |= {f"{label}_equal": max(gaps) == 0, f"{label}_largest_gap": max(gaps)}
        bench.note(**{name: figures})
    torch.use_deterministic_algorithms(False)


def _three_trainings(shop: Shop, bench: Bench) -> list[Mapping[str, Tensor]]:
    """Return the weights of a training, of the same again, and of it resumed half-way."""
    epochs, made = 4, []
    with TemporaryDirectory() as directory:
        copy = Path(directory, "half.ckpt")
        for number, start in enumerate((None, None, copy)):
            torch.manual_seed(0)
            folder = Path(directory, str(number))
            kept = Checkpoints(folder)
            train(
                shop.model(dim=bench.size(64, 16)),
                shop.data(batch_size=bench.size(64, 16)),
                bench.device,
                epochs=epochs,
                callbacks=[
                    MovingAverage(0.98),
                    _CopyCheckpoint(folder, copy, 2 if number == 0 else -1),
                    kept,
                ],
                plugins=[AtomicCheckpointIO()],
                resume=start,
            )
            made.append(kept.best)
    return made


class _Reads(TorchDispatchMode):
    """Counts the operations whose result the CPU needs, by the line of mmrec that asks.

    On a card, what is asked of tensors on the CPU does not count.
    """

    waits = {  # noqa: RUF012
        torch.ops.aten._local_scalar_dense,
        torch.ops.aten.nonzero,
        torch.ops.aten._unique2,
        torch.ops.aten.masked_select,
        torch.ops.aten.equal,
    }

    indexing = (torch.ops.aten.index, torch.ops.aten.index_put, torch.ops.aten.index_put_)

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.kind = device.type
        self.lines: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count, and do what was asked."""
        packet = func.overloadpacket
        masks = packet in self.indexing and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        here = isinstance(args[0], Tensor) and args[0].device.type == self.kind if args else False
        if here and (packet in self.waits or masks):
            self.lines[f"{_place()} {packet.__name__}"] += 1
        return func(*args, **(kwargs or {}))


def _place() -> str:
    """Return the innermost line of mmrec, or of Lightning, that is being run."""
    frame, other = sys._getframe(2), "elsewhere"
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        # All calls pass through products.py, a mode of torch functions.
        if "mmrec" in path.parts and path.name not in ("products.py", Path(__file__).name):
            return f"{'/'.join(path.parts[-2:])}:{frame.f_lineno}"
        if other == "elsewhere" and "lightning" in path.parts:
            other = f"lightning {path.name}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return other


class _Watch(Callback):
    """Counts reads, and on a card its warnings, in some steps of a training."""

    def __init__(self, steps: int, device: torch.device) -> None:
        self.reads, self.steps, self.cuda = _Reads(device), steps, device.type == "cuda"
        self.warned: Counter[str] = Counter()

    def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, index: int) -> None:
        """Begin after the second step."""
        if index != 2:
            return
        self.caught = warnings.catch_warnings()
        self.caught.__enter__()
        warnings.simplefilter("always")
        warnings.showwarning = self._warned
        if self.cuda:
            torch.cuda.set_sync_debug_mode("warn")
        self.reads.__enter__()

    def on_train_batch_end(
        self, trainer: Trainer, module: Any, outputs: Any, batch: Any, index: int
    ) -> None:
        """End after some more."""
        if index != 1 + self.steps:
            return
        self.reads.__exit__(None, None, None)
        if self.cuda:
            torch.cuda.set_sync_debug_mode("default")
        self.caught.__exit__(None, None, None)

    def _warned(self, message: Any, *_: Any, **__: Any) -> None:
        if "synchronizing" in str(message):
            self.warned[_place()] += 1


def reads(bench: Bench) -> None:
    """Where a training step makes the CPU wait for the card, and how often."""
    shop, steps = make_shop(60, 100, 12), 2
    for name in ("gru", "sasrec")[: bench.size(2, 1)]:
        watch = _Watch(steps, bench.device)
        train(
            shop.model(name, dim=16),
            shop.data(batch_size=8),
            bench.device,
            steps=3 + steps,  # the last step of an epoch reads more
            callbacks=[MovingAverage(0.98), watch],
        )
        figures: dict[str, Any] = {
            "a_step": sum(watch.reads.lines.values()) / steps,
            "lines": {line: count / steps for line, count in watch.reads.lines.most_common()},
        }
        if bench.cuda:
            figures["warned"] = {at: count / steps for at, count in watch.warned.most_common()}
        bench.note(**{name: figures})
