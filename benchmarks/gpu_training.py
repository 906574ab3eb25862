"""Sections of ``gpu.py`` about training: the same results, the same quality, how fast."""

import statistics
import time
import warnings
from copy import deepcopy
from functools import partial
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
from torch.utils.flop_counter import FlopCounterMode

from mmrec.evaluation import rank_targets
from mmrec.losses import softmax_loss
from mmrec.models import CatalogScorer, SequentialModel, encode_catalog
from mmrec.sampling import FullSampler
from mmrec.training import MovingAverage

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
    outside = [name for name in ("gru", "sasrec") if not bench.figures[name]["within"]]
    if outside:
        raise RuntimeError(f"outside of the tolerances: {', '.join(outside)}")


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
    shop, failed = make_shop(20, 100, 6), []
    for mode in ("default", "reduce-overhead")[: bench.size(2, 1)]:
        for name in ("sasrec", "gru")[: bench.size(2, 1)]:
            interest = shop.model(name, dim=bench.size(128, 16), dropout=0.0).interest
            try:
                figures = _compiled(bench, interest.to(bench.device).train(), mode)
            except Exception as error:  # of a compiler, of many types
                figures = {"error": f"{type(error).__name__}: {error}"[:500]}
                failed.append(f"{name}, {mode}")
            bench.note(**{f"{name}, {mode}": figures})
    if failed:
        raise RuntimeError(f"not compiled: {'; '.join(failed)}")


def _compiled(bench: Bench, interest: Any, mode: str) -> dict[str, Any]:
    """Return how fast a module and its compiled self are, and how far apart."""
    import torch._dynamo

    users, steps = bench.size(128, 4), bench.size(50, 6)
    vectors = torch.randn(users, steps, interest.dim, device=bench.device, requires_grad=True)
    mask = torch.ones(users, steps, dtype=torch.bool, device=bench.device)

    def once(module: Any) -> Tensor:
        states: Tensor = module(vectors, mask)
        torch.autograd.grad(states.sum(), vectors)
        return states.detach().clone()

    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    # A dry run takes the same way without a compiler.
    how: dict[str, Any] = {"backend": "eager"} if bench.dry else {"mode": mode}
    made = torch.compile(interest, **how)
    first = _wall(lambda: (once(made), bench.wait()))
    breaks = sum(torch._dynamo.utils.counters["graph_break"].values())
    eager, fast = bench.seconds(partial(once, interest)), bench.seconds(partial(once, made))
    return {
        "first_call_seconds": first,
        "seconds": fast,
        "eager_seconds": eager,
        "times_as_fast": eager / fast,
        "graph_breaks": breaks,
        "largest_difference": float((once(made) - once(interest)).abs().max()),
    }
