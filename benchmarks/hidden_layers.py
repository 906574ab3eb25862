"""What fine-tuning costs: with and without kept states of frozen layers, with LoRA, and whole.

    python benchmarks/hidden_layers.py [--items 600] [--layers 12] [--width 384] [--case NAME …]

Each case is a process that trains a recommender for two epochs with `Recommender.fit`. Its texts of
8 to 40 words are read by a BERT with random weights, or its images of 224 x 224 pixels by a vision
transformer of 12 layers and width 192. Printed are the processor seconds of the second epoch
(training and validation, which encodes the whole catalogue), those of the one run of the frozen
layers, the highest memory that is not a page of a file, the share of the encoder's parameters that
is trained, the size of the states, and the losses of the first and last step.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from common import PeakMemory, command_line, print_json
from lightning import Callback, Trainer
from PIL import Image

from mmrec import Options, Recommender
from mmrec.cpu import keep_freed_memory
from mmrec.encoders import ImageEncoder, StateStore

USERS, STEPS, WORDS = 60, 14, 2_000
CASES: dict[str, dict[str, Any]] = {
    "text last-2 off": {"tuning": "last-2", "hidden_cache": "off"},
    "text last-2 float32": {"tuning": "last-2", "hidden_cache": "float32"},
    "text last-2 float16": {"tuning": "last-2", "hidden_cache": "float16"},
    "text lora": {"tuning": "lora", "encoder_lr": 2e-4},
    "text full": {"tuning": "full"},
    "image last-2 off": {"tuning": "last-2", "hidden_cache": "off"},
    "image last-2 float32": {"tuning": "last-2", "hidden_cache": "float32"},
}


def write_bert(folder: Path, layers: int, width: int) -> None:
    """Save a BERT with random weights and its tokenizer."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(WORDS))]
    words += [*map(str, range(10)), *(f"##{i}" for i in range(10)), "w"]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        intermediate_size=4 * width,
        max_position_embeddings=128,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)


def make_shop(items: int, images: Path | None) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Return events and items; images of noise are written to a folder."""
    rng = np.random.default_rng(0)
    start = rng.integers(items, size=(USERS, 1))
    walks = (start + np.cumsum(rng.integers(1, 4, size=(USERS, STEPS)), axis=1)) % items
    events = {
        "user_id": [f"u{user}" for _ in range(STEPS) for user in range(USERS)],
        "item_id": [f"i{item}" for item in walks.T.flatten()],
        "timestamp": list(range(USERS * STEPS)),
    }
    catalog: dict[str, list[Any]] = {"item_id": [f"i{item}" for item in range(items)]}
    lengths = rng.integers(8, 41, size=items)
    catalog["title"] = [" ".join(f"w{w}" for w in rng.integers(WORDS, size=n)) for n in lengths]
    if images is not None:
        images.mkdir()
        catalog["image"] = [f"{item}.jpg" for item in range(items)]
        for name in catalog["image"]:
            coarse = rng.integers(256, size=(14, 14, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((224, 224), Image.Resampling.BICUBIC).save(images / name)
    return events, catalog


class Clock(Callback):
    """Processor seconds of training and validation by epoch, and what is trained."""

    def __init__(self, modality: str) -> None:
        self.modality = modality
        self.began = 0.0
        self.training: list[float] = []
        self.validation: list[float] = []
        self.losses: list[float] = []
        self.share = 0.0

    def on_train_start(self, trainer: Trainer, module: Any) -> None:
        """Count the parameters of the encoder."""
        parameters = list(module.model.items.encoders[self.modality].parameters())
        trained = sum(p.numel() for p in parameters if p.requires_grad)
        self.share = trained / sum(p.numel() for p in parameters)

    def on_train_epoch_start(self, trainer: Trainer, module: Any) -> None:
        """Start the clock."""
        self.began = time.process_time()

    def on_train_batch_end(
        self, trainer: Trainer, module: Any, outputs: Any, batch: Any, index: int
    ) -> None:
        """Keep the loss."""
        self.losses.append(float(outputs["loss"]))

    def on_validation_start(self, trainer: Trainer, module: Any) -> None:
        """Read the clock, and start it again."""
        self.training.append(time.process_time() - self.began)
        self.began = time.process_time()

    def on_validation_end(self, trainer: Trainer, module: Any) -> None:
        """Read the clock."""
        self.validation.append(time.process_time() - self.began)


def work(case: str, folder: Path, items: int) -> dict[str, Any]:
    """Train one case; return its figures."""
    keep_freed_memory()
    torch.set_num_threads(1)
    modality = case.split()[0]
    images = folder / "images" if modality == "image" else None
    events, catalog = make_shop(items, images)
    encoder: Any = str(folder / "bert")
    if modality == "image":
        torch.manual_seed(0)
        name = "vit_tiny_patch16_224"
        encoder = ImageEncoder.from_timm(name, pretrained=False, tuning=CASES[case]["tuning"])
    options = Options(
        modalities=(modality,),
        dim=64,
        batch_size=8,
        max_length=8,
        pool_size=64,
        max_items=128,
        epochs=2,
        refit="none",
        affinities=False,
        trend=False,
        devices=1,
        **CASES[case],
    )
    clock, kept = Clock(modality), {"seconds": 0.0, "bytes": 0}
    encode = StateStore.encode

    def timed(self: StateStore, *args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        made = encode(self, *args, **kwargs)
        kept.update(seconds=time.process_time() - start, bytes=made[0].nbytes)
        return made

    StateStore.encode = timed  # type: ignore[method-assign]
    with PeakMemory(0.02) as memory:
        Recommender.fit(
            events,
            catalog,
            images=images,
            options=options,
            encoders={modality: encoder},
            cache=folder / "cache",
            callbacks=[clock],
        )
    return {
        "training": clock.training[-1],
        "validation": clock.validation[-1],
        "once": kept["seconds"],
        "states_mb": kept["bytes"] / 1e6,
        "memory_mb": memory.peak / 1e6,
        "added_mb": (memory.peak - memory.first) / 1e6,
        "trained": clock.share,
        "losses": [clock.losses[0], clock.losses[-1]],
    }


def start(case: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run one case in a process of its own; return its figures."""
    with TemporaryDirectory(dir=arguments.folder) as folder:
        if case.startswith("text"):
            write_bert(Path(folder) / "bert", arguments.layers, arguments.width)
        command = [sys.executable, __file__, "--worker", folder, "--case", case]
        command += ["--items", str(arguments.items), "--folder", str(arguments.folder)]
        env = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=env)
        if done.returncode:
            raise SystemExit(f"{case} failed:\n{done.stderr[-2000:]}")
        figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return figures


def main() -> None:
    """Run the cases and print."""
    parser = command_line(__doc__, "--folder")
    parser.add_argument("--case", action="append", choices=list(CASES), help="by default all")
    parser.add_argument("--items", type=int, default=600, help="items of the catalogue")
    parser.add_argument("--layers", type=int, default=12, help="layers of the text model")
    parser.add_argument("--width", type=int, default=384, help="width of the text model")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(work(arguments.case[0], arguments.worker, arguments.items)))
        return
    result = {}
    for case in arguments.case or CASES:
        found = result[case] = start(case, arguments)
        first, last = found["losses"]
        print(
            f"{case:20} training {found['training']:6.1f} s, validation {found['validation']:5.1f} "
            f"s, once {found['once']:5.1f} s; {found['memory_mb']:6.0f} MB (+"
            f"{found['added_mb']:.0f}), states {found['states_mb']:.0f} MB; "
            f"{found['trained']:.2%} trained; loss {first:.5f} to {last:.5f}",
            flush=True,
        )
    print_json(arguments, result)


if __name__ == "__main__":
    main()
