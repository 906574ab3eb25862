"""Sections of ``gpu.py`` about training: the same results, the same quality, how fast."""

import os
import shutil
import statistics
import sys
import time
import warnings
from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from gpu_bench import (
    FORMATS,
    Bench,
    Losses,
    Shop,
    Step,
    copy_bandwidth,
    first_batches,
    make_shop,
    tf32,
    train,
)
from lightning import Callback, Trainer
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from mmrec.evaluation import rank_targets
from mmrec.losses import softmax_loss
from mmrec.models import CatalogScorer, SequentialModel, encode_catalog
from mmrec.sampling import FullSampler
from mmrec.training import Checkpoints, MovingAverage
from mmrec.training.resume import AtomicCheckpointIO, checkpoint_files

TOLERANCES = {"scores": 1e-5, "ranks": 0.001, "losses": 1e-3}
"""Largest difference of scores over the largest score, share of other ranks, relative difference of
losses, each between CPU and card in 32-true without TF32."""

PRECISIONS = {"32-true": False, "32-true, TF32": True, "bf16-mixed": False, "16-mixed": False}
"""Whether products of float32 are rounded, by precision."""


def parity(bench: Bench) -> None:
    """Scores, ranks and a short training on the card against the CPU."""
    shop = make_shop(bench.size(1000, 60), bench.size(2000, 100), 30)
    for name in ("gru", "sasrec"):
        torch.manual_seed(0)
        model = shop.model(name, dim=bench.size(128, 16), dropout=0.0).eval()
        with tf32(False):
            scores, ranks = zip(
                *(_scored(model, shop, device) for device in (torch.device("cpu"), bench.device)),
                strict=True,
            )
            losses = [_short(model, shop, bench, device) for device in ("cpu", bench.device.type)]
        gap = float((scores[0] - scores[1]).abs().max() / scores[0].abs().max())
        other = float((ranks[0] != ranks[1]).float().mean())
        steps = np.array(losses)
        drift = float((np.abs(steps[1] - steps[0]) / np.abs(steps[0])).max())
        found = {"scores": gap, "ranks": other, "losses": drift}
        figures: dict[str, Any] = dict(found)
        figures["largest_rank_gap"] = int((ranks[0] - ranks[1]).abs().max())
        figures["within"] = all(found[key] <= TOLERANCES[key] for key in found)
        bench.note(**{name: figures}, tolerances=TOLERANCES)


def _scored(model: SequentialModel, shop: Shop, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the scores of the catalogue for some histories, and the ranks of all targets."""
    here, split = deepcopy(model).to(device), shop.split
    vectors = encode_catalog(here.items, shop.sources, split.catalog_size)
    scorer = CatalogScorer(here, vectors, torch.from_numpy(split.train_counts), max_length=50)
    kept: list[Tensor] = []

    class Watched:
        def scores(self, histories: Any) -> Tensor:
            made = scorer.scores(histories)
            kept.append(made.cpu())
            return made

    ranks = rank_targets(Watched(), split, "test", max_length=50).rank
    return torch.cat(kept), ranks


def _short(model: SequentialModel, shop: Shop, bench: Bench, device: str) -> list[float]:
    """Return the losses of a short training from the same weights with the same draws."""
    losses = Losses()
    train(
        deepcopy(model),
        shop.data(batch_size=bench.size(64, 16)),
        torch.device(device),
        epochs=2,
        steps=bench.size(15, 2),
        callbacks=[losses],
    )
    return losses.values()


def precision(bench: Bench) -> None:
    """Loss and NDCG@10 on validation of each precision, over seeds."""
    shop = make_shop(bench.size(3000, 60), bench.size(2000, 100), 30)
    for name, rounded in PRECISIONS.items():
        ndcg, curves, start = [], [], time.perf_counter()
        for seed in range(bench.size(3, 1)):
            torch.manual_seed(seed)
            losses = Losses()
            with tf32(rounded), warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*fp16 is not supported on CPU.*")
                trainer = train(
                    shop.model(dim=bench.size(128, 16)),
                    shop.data(batch_size=bench.size(64, 16), seed=seed),
                    bench.device,
                    epochs=bench.size(8, 2),
                    precision=name.partition(",")[0],
                    validate=True,
                    callbacks=[losses, MovingAverage(0.98)],
                )
            ndcg.append(float(trainer.callback_metrics["valid_ndcg@10"]))
            epochs = np.array_split(losses.values(), bench.size(8, 2))
            curves.append([round(float(epoch.mean()), 5) for epoch in epochs])
        figures = {
            "ndcg@10": round(statistics.mean(ndcg), 5),
            "spread": round(statistics.stdev(ndcg), 5) if len(ndcg) > 1 else None,
            "seeds": [round(value, 5) for value in ndcg],
            "losses": curves,
            "seconds": round((time.perf_counter() - start) / len(ndcg), 2),
        }
        bench.note(**{name: figures})


def throughput(bench: Bench) -> None:
    """Events a second of training against all items, and the loss beside its floor."""
    items, windows, length = bench.size(20_000, 200), bench.size(128, 8), bench.size(50, 10)
    shop = make_shop(bench.size(4000, 40), items, length + 3)
    full = FullSampler(np.flatnonzero(shop.split.train_counts))
    data = shop.data(negatives=full, batch_size=windows, length=length)
    bandwidth = copy_bandwidth(bench)
    bench.note(copy_bytes_a_second=bandwidth)
    on_cpu = first_batches(data, 1)[0]
    batch = on_cpu.to(bench.device)
    events = int((on_cpu.target > 0).sum())
    collate = data.train_dataloader().dataset.collate  # type: ignore[attr-defined]
    spans = data.train_dataloader().dataset.spans[:windows]  # type: ignore[attr-defined]
    collated = statistics.median(_wall(lambda: collate(list(spans))) for _ in range(3))
    bench.note(events_a_batch=events, pool=len(batch.pool), collate_seconds=collated)
    for name in ("gru", "sasrec")[: bench.size(2, 1)]:
        for number, (half, rounded) in FORMATS.items():
            torch.manual_seed(0)
            step = Step(shop.model(name, dim=bench.size(128, 16)).to(bench.device), half=half)
            once = partial(step, batch)
            with tf32(rounded):
                with FlopCounterMode(display=False) as counter:
                    once()
                seconds = bench.seconds(once)
                figures = {
                    "step_seconds": seconds,
                    "events_a_second": events / seconds,
                    "operations_a_second": counter.get_total_flops() / seconds,
                    "peak_bytes": bench.peak_bytes(once),
                }
            bench.note(**{f"{name}, {number}": figures})
    model, clock = shop.model("gru", dim=bench.size(128, 16)), _Epochs()
    train(model, data, bench.device, epochs=3, callbacks=[clock, MovingAverage(0.98)])
    trained = int((shop.split.train_counts).sum()) - len(np.unique(shop.split.train.offsets)) + 1
    bench.note(trainer_events_a_second=trained / min(clock.seconds[1:]))
    bench.note(loss=_loss(bench, events, len(batch.pool), bandwidth))


def _wall(action: Any) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


class _Epochs(Callback):
    """Seconds of each epoch."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_epoch_start(self, *_: Any) -> None:
        """Start the clock."""
        self.start = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, module: Any) -> None:
        """Stop it when the card is done."""
        if module.device.type == "cuda":
            torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self.start)


def _loss(bench: Bench, rows: int, columns: int, bandwidth: float) -> dict[str, float]:
    """Seconds of the loss and its gradient, and what reading and writing the logits once takes.

    The gradient must be written and the logits read, so the floor is two passes over them.
    """
    logits = torch.randn(rows, columns, device=bench.device, requires_grad=True)
    target = torch.randint(1, columns, (rows,), device=bench.device)
    candidates = torch.ones(columns, dtype=torch.bool, device=bench.device)
    log_q = torch.zeros(columns, device=bench.device)

    def ours() -> None:
        torch.autograd.grad(softmax_loss(logits, target, candidates, log_q), logits)

    def plain() -> None:
        torch.autograd.grad(F.cross_entropy(logits, target), logits)

    floor, seconds = 2 * logits.nbytes / bandwidth, bench.seconds(ours)
    return {
        "floor_seconds": floor,
        "seconds": seconds,
        "times_the_floor": seconds / floor,
        "cross_entropy_seconds": bench.seconds(plain),
        "peak_bytes": bench.peak_bytes(ours),
        "logits_bytes": logits.nbytes,
    }


def compiled(bench: Bench) -> None:
    """The interest model, forward and backward, with and without ``torch.compile``."""
    import torch._dynamo

    users, steps, dim = bench.size(128, 4), bench.size(50, 6), bench.size(128, 16)
    shop = make_shop(20, 100, 6)
    vectors = torch.randn(users, steps, dim, device=bench.device, requires_grad=True)
    mask = torch.ones(users, steps, dtype=torch.bool, device=bench.device)

    def once(module: Any) -> Tensor:
        states: Tensor = module(vectors, mask)
        torch.autograd.grad(states.sum(), vectors)
        return states.detach().clone()

    for mode in ("default", "reduce-overhead")[: bench.size(2, 1)]:
        # A dry run takes the same way without a compiler.
        how: dict[str, Any] = {"backend": "eager"} if bench.dry else {"mode": mode}
        for name in ("sasrec", "gru")[: bench.size(2, 1)]:
            interest = shop.model(name, dim=dim, dropout=0.0).interest.to(bench.device).train()
            torch._dynamo.reset()
            torch._dynamo.utils.counters.clear()
            made = torch.compile(interest, **how)
            first = _wall(lambda made=made: (once(made), bench.wait()))
            breaks = sum(torch._dynamo.utils.counters["graph_break"].values())
            eager, fast = bench.seconds(partial(once, interest)), bench.seconds(partial(once, made))
            figures = {
                "first_call_seconds": first,
                "seconds": fast,
                "eager_seconds": eager,
                "times_as_fast": eager / fast,
                "graph_breaks": breaks,
                "largest_difference": float((once(made) - once(interest)).abs().max()),
            }
            bench.note(**{f"{name}, {mode}": figures})


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

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.kind = device.type
        self.lines: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count, and do what was asked."""
        packet = func.overloadpacket
        masks = packet in (torch.ops.aten.index, torch.ops.aten.index_put) and any(
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
