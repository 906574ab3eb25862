"""Sections of ``gpu.py`` about the card, the suite, and trained text and image models."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import numpy as np
import torch
from gpu_bench import (
    FORMATS,
    Bench,
    Skipped,
    Step,
    copy_bandwidth,
    first_batches,
    make_shop,
    matmul_peak,
    tf32,
)
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mmrec.data import ItemPool, RawSource, load_pool
from mmrec.encoders import ImageEncoder, TextEncoder, TextTransform
from mmrec.fusion import ConcatFusion
from mmrec.models import ItemEncoder, gru4rec
from mmrec.sampling import InBatchSampler

PRODUCTS = {
    "float32": (torch.float32, False),
    "TF32": (torch.float32, True),
    "bfloat16": (torch.bfloat16, False),
    "float16": (torch.float16, False),
}
WORDS, TOKENS = 30_522, 64


def card(bench: Bench) -> None:
    """The card, and the peaks that other sections compare with."""
    if bench.cuda:
        about = torch.cuda.get_device_properties(bench.device)
        bench.note(
            name=about.name,
            capability=f"{about.major}.{about.minor}",
            bytes=about.total_memory,
            processors=about.multi_processor_count,
        )
    bench.note(copy_bytes_a_second=copy_bandwidth(bench))
    for name, (dtype, rounded) in PRODUCTS.items():
        peak = matmul_peak(bench, dtype, rounded=rounded)
        bench.note(**{f"{name}_operations_a_second": peak})


def suite(bench: Bench) -> None:
    """The tests that need CUDA; their names end in ``on_cuda``."""
    if find_spec("pytest") is None:
        raise Skipped("pytest is missing")
    root = Path(__file__).parents[1]
    files = sorted(
        str(path.relative_to(root))
        for path in (root / "tests").rglob("test_*.py")
        if "_on_cuda" in path.read_text()
    )
    files = files[: bench.size(len(files), 1)]
    with TemporaryDirectory() as folder:
        said = Path(folder, "said.xml")
        command = [sys.executable, "-m", "pytest", *files, "-k", "on_cuda", "-q", "-rs"]
        command += ["-p", "no:cacheprovider", f"--junitxml={said}"]
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, timeout=bench.seconds_left - 2
        )
        if not said.exists():
            last = [line for line in (done.stdout + done.stderr).splitlines() if line][-1:]
            raise RuntimeError(f"pytest could not start: {' '.join(last)}")
        cases = list(ElementTree.parse(said).getroot().iter("testcase"))
    if not cases and not bench.dry:
        raise RuntimeError(f"expected tests in {len(files)} files; got none")
    outcomes: dict[str, list[str]] = {"passed": [], "skipped": [], "failed": []}
    why = {}
    for case in cases:
        bad = [part for part in case if part.tag in ("failure", "error")]
        outcome = "failed" if bad else "skipped" if case.find("skipped") is not None else "passed"
        outcomes[outcome].append(str(case.get("name")))
        if bad:
            why[str(case.get("name"))] = str(bad[0].get("message"))[:500]
    bench.note(**outcomes, why=why)
    if why:
        raise RuntimeError(f"{len(why)} of {len(cases)} tests failed: {', '.join(why)}")


class _Tokens:
    """Turns item numbers into random tokens, always the same for an item."""

    def __call__(self, values: Sequence[int]) -> dict[str, Tensor]:
        """Return token ids and mask, ``(n, L)``."""
        rows = [np.random.default_rng(value).integers(1, 1000, TOKENS) for value in values]
        ids = torch.from_numpy(np.array(rows).reshape(-1, TOKENS))
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


class _Pixels:
    """Turns item numbers into random pixels."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, values: Sequence[int]) -> Tensor:
        """Return pixels, ``(n, 3, size, size)``."""
        shape = (3, self.size, self.size)
        made = [torch.rand(shape, generator=torch.Generator().manual_seed(v)) for v in values]
        return torch.stack(made) if made else torch.zeros(0, *shape)


def _bert(bench: Bench) -> tuple[TextEncoder, RawSource]:
    """Return an untrained BERT, of its usual size on a card, and the tokens of items."""
    try:
        from transformers import BertConfig, BertModel
    except ImportError as error:
        raise Skipped(f"transformers is missing: {error}") from error
    small: dict[str, int] = {}
    if bench.dry:
        small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        small |= {"intermediate_size": 16}
    model = BertModel(BertConfig(vocab_size=bench.size(WORDS, 1000), **small), False)
    encoder = TextEncoder(model, TextTransform("none", TOKENS), tuning="full")
    return encoder, RawSource(range(1, 10_000), _Tokens())


def _cnn(bench: Bench) -> tuple[ImageEncoder, RawSource]:
    """Return an untrained CNN, a ResNet-50 on a card, and the pixels of items."""
    try:
        import timm  # noqa: F401
    except ImportError as error:
        raise Skipped(f"timm is missing: {error}") from error
    name = "test_resnet" if bench.dry else "resnet50"
    encoder = ImageEncoder.from_timm(name, pretrained=False, tuning="full")
    return encoder, RawSource(range(1, 10_000), _Pixels(bench.size(224, 32)))


KINDS = {"bert": ("text", _bert), "cnn": ("image", _cnn)}


class _Pass:
    """An item tower over one pool: forward alone, or forward and backward."""

    def __init__(self, items: nn.Module, pool: ItemPool, number: str) -> None:
        self.items, self.pool = items, pool
        self.half, self.rounded = FORMATS[number]

    def vectors(self) -> Tensor:
        """Forward."""
        device = self.pool.items.device.type
        cast = torch.autocast(device, dtype=self.half, enabled=self.half is not None)
        with tf32(self.rounded), cast:
            made: Tensor = self.items(self.pool)
        return made

    def forward(self) -> None:
        """Forward, without a gradient."""
        with torch.no_grad():
            self.vectors()

    def both(self) -> None:
        """Forward and backward."""
        vectors = self.vectors()
        with tf32(self.rounded):
            vectors.float().sum().backward()
        self.items.zero_grad()


def _passes(bench: Bench, once: "_Pass", peak: float) -> dict[str, float] | str:
    """Return items and operations a second, and memory, of an item tower over a pool."""
    figures: dict[str, float] = {}
    try:
        for what, action in (("forward", once.forward), ("both", once.both)):
            with FlopCounterMode(display=False) as counter:
                action()
            done, seconds = counter.get_total_flops(), bench.seconds(action, 5)
            figures |= {
                f"{what}_items_a_second": (len(once.pool) - 1) / seconds,
                f"{what}_operations": done,
                f"{what}_share_of_peak": done / seconds / peak,
            }
        return figures | {"peak_bytes": bench.peak_bytes(once.both)}
    except torch.OutOfMemoryError:
        return "out of memory"


def encoders(bench: Bench) -> None:
    """Operations of text and image models a second, as a share of a large product's."""
    count = bench.size(256, 4)
    formats = list(FORMATS)[bench.size(0, 2) :]  # the last one in a dry run
    peaks = {}
    for number in formats:
        dtype, rounded = PRODUCTS[number]
        peaks[number] = matmul_peak(bench, dtype, rounded=rounded)
    for name, (modality, make) in KINDS.items():
        try:
            encoder, source = make(bench)
        except Skipped as reason:
            bench.note(**{name: f"skipped: {reason}"})
            continue
        pool = load_pool(np.arange(1, count + 1), {modality: source}).to(bench.device)
        for number in formats:
            for chunk in (None, bench.size(64, 2)):
                fusion = ConcatFusion({modality: encoder.dim}, 128)
                items = ItemEncoder({modality: encoder}, fusion, chunk=chunk).to(bench.device)
                label = "at once" if chunk is None else f"chunks of {chunk}"
                found = _passes(bench, _Pass(items.train(), pool, number), peaks[number])
                bench.note(**{f"{name}, {number}, {label}": found})


def pool(bench: Bench) -> None:
    """Training BERT and CNN end to end: each item of a batch once, against each occurrence."""
    try:
        from pool import every_occurrence
    except ImportError as error:
        raise Skipped(f"benchmarks/pool.py cannot be loaded: {error}") from error
    shop = make_shop(bench.size(400, 20), bench.size(500, 20), bench.size(22, 6))
    (text, tokens), (image, pixels) = _bert(bench), _cnn(bench)
    sources = {"text": tokens, "image": pixels}
    fusion = ConcatFusion({"text": text.dim, "image": image.dim}, 64)
    model = gru4rec({"text": text, "image": image}, dim=64, fusion=fusion).to(bench.device)
    shop = replace(shop, sources=_for(shop.split.catalog_size, sources))
    windows, length = bench.size(32, 4), bench.size(20, 4)
    negatives = InBatchSampler(shop.split.train_counts, windows * length)
    data = shop.data(negatives=negatives, batch_size=windows, length=length)
    batch = first_batches(data, 1)[0]
    repeated = every_occurrence(batch, shop.sources)
    step = Step(model, half=torch.bfloat16)
    for name, given in (("once", batch), ("each occurrence", repeated)):
        here = given.to(bench.device)
        seconds = bench.seconds(lambda here=here: step(here), 5)
        peak = bench.peak_bytes(lambda here=here: step(here))
        bench.note(**{name: {"slots": len(here.pool), "seconds": seconds, "peak_bytes": peak}})
    once, each = bench.figures["once"]["seconds"], bench.figures["each occurrence"]["seconds"]
    bench.note(times_as_fast=each / once)


def _for(items: int, sources: dict[str, RawSource]) -> dict[str, RawSource]:
    return {
        name: RawSource(range(1, items + 1), source.transform) for name, source in sources.items()
    }
