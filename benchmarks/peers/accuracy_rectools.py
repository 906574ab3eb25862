"""RecTools' transformers on a split file; runs in RecTools' own environment.

    python accuracy_rectools.py sasrec SPLIT.npz --seed 0 --epochs 60 --patience 8

The best epoch by validation NDCG@10 is measured on the test part, once. ``esasrec`` is SASRec with
LiGR layers (arXiv 2508.06450). All train by softmax over the whole catalogue; ``--loss flat`` gives
the same value as RecTools' loss in half the time. HSTU also reads times.

With ``--content`` an item's vector is its id's embedding plus a linear map of its content, which is
RecTools' own way to join blocks of an item net. UniSRec reads the content alone; RecTools' class
trains it to its end, so its net, loss and sequences are used here, with one learning rate.
"""

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.fast_transformers import (
    SequenceBatchDataset,
    UniSRecLightning,
    UniSRecNet,
    align_embeddings,
    build_sequences,
)
from rectools.models import BERT4RecModel, HSTUModel, SASRecModel
from rectools.models.nn.item_net import IdEmbeddingsItemNet
from rectools.models.nn.transformers.ligr import LiGRLayers
from rectools_parts import LOSSES, ContentItemNet, content_of
from rectools_select import Score, Select, found, left_padded, outside, trainer_of
from split_file import SplitFile
from torch.utils.data import DataLoader

MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "sasrec": (SASRecModel, {}),
    "bert4rec": (BERT4RecModel, {}),
    "esasrec": (SASRecModel, {"transformer_layers_type": LiGRLayers}),
    # The temperature of RecTools' tutorial: without one, cosines leave the softmax almost even.
    "hstu": (HSTUModel, {"lightning_module_kwargs": {"logits_t": 0.05}}),
}


def dataset_of(split: SplitFile, content: bool) -> Dataset:
    """The training events as RecTools takes them."""
    lengths = np.diff(split.offsets)
    events = pd.DataFrame(
        {
            Columns.User: np.repeat(np.arange(len(lengths)), lengths),
            Columns.Item: split.item,
            Columns.Weight: 1.0,
            Columns.Datetime: pd.to_datetime(split.time, unit="s").astype("datetime64[ns]"),
        }
    )
    if not content:
        return Dataset.construct(events)
    trained = np.unique(split.item)
    features = pd.DataFrame(content_of(split)[trained]).add_prefix("f")
    features.insert(0, "id", trained)
    return Dataset.construct(events, item_features_df=features, make_dense_item_features=True)


def fit_transformer(arguments: argparse.Namespace, split: SplitFile) -> None:
    """Train one of ``MODELS``."""

    def scorer(module: Any) -> Score:
        # RecTools reads the last events of each user; items that occur before only are unknown.
        ids = np.zeros(split.catalog_size + 1, dtype=np.int64)
        inner = module.data_preparator.item_id_map.to_internal
        known = [isinstance(item, int | np.integer) for item in inner.index]
        ids[inner.index[known].astype(int)] = inner.to_numpy()[known]
        mask = module.data_preparator.extra_token_ids.get("MASK")
        model = module.torch_model
        vectors = model.item_model.get_all_embeddings()

        def score(history: np.ndarray, times: np.ndarray) -> np.ndarray:
            inputs = left_padded(ids[history], times, arguments.max_length, mask)
            states = model.encode_sessions(inputs, vectors)[:, -1]
            return outside(model.similarity_module(states, vectors).numpy(), ids)

        return score

    kind, more = MODELS[arguments.model]
    if arguments.content:
        more = more | {"item_net_block_types": (IdEmbeddingsItemNet, ContentItemNet)}
    model = kind(
        n_factors=arguments.dim,
        n_blocks=2,
        n_heads=2,
        session_max_len=arguments.max_length,
        lr=arguments.lr,
        dropout_rate=arguments.dropout,
        loss=arguments.loss,
        lightning_module_type=LOSSES[arguments.loss],
        get_trainer_func=lambda: trainer_of(arguments, Select(split, arguments, scorer)),
        **more,
    )
    model.fit(dataset_of(split, arguments.content))


def fit_unisrec(arguments: argparse.Namespace, split: SplitFile) -> None:
    """Train UniSRec (arXiv 2206.05941), of the sizes that the others have."""
    lengths = np.diff(split.offsets)
    user = torch.from_numpy(np.repeat(np.arange(len(lengths)), lengths))
    step = torch.arange(len(split.item))
    item = torch.from_numpy(split.item).long()
    x, y, known, _ = build_sequences(user, item, step, max_len=arguments.max_length)
    ids = np.zeros(split.catalog_size + 1, dtype=np.int64)
    ids[known.numpy()] = np.arange(1, len(known) + 1)
    net = UniSRecNet(
        len(known),
        align_embeddings(torch.from_numpy(content_of(split)), known, len(known)),
        n_factors=arguments.dim,
        projection_hidden=2 * arguments.dim,
        n_heads=2,
        session_max_len=arguments.max_length,
        dropout=arguments.dropout,
    )
    groups = [{"params": list(net.parameters()), "lr": arguments.lr}]

    def scorer(module: Any) -> Score:
        vectors = module.net.project_all()

        def score(history: np.ndarray, times: np.ndarray) -> np.ndarray:
            inputs = left_padded(ids[history], times, arguments.max_length)
            return outside((module.net.encode_last(inputs["x"]) @ vectors.T).numpy(), ids)

        return score

    select = Select(split, arguments, scorer)
    batches = DataLoader(SequenceBatchDataset(x, y), batch_size=128, shuffle=True)
    trainer = trainer_of(arguments, select, gradient_clip_val=1.0)
    trainer.fit(UniSRecLightning(net, groups), batches)


def main() -> None:
    """Train, select, print one JSON object."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=(*MODELS, "unisrec"))
    parser.add_argument("split", type=Path)
    parser.add_argument("--content", action="store_true", help="beside ids; UniSRec reads it alone")
    parser.add_argument("--loss", choices=tuple(LOSSES), default="softmax")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--max-length", type=int, default=100)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--patience", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=0.0, help="of processor time; 0: no limit")
    parser.add_argument("--until", type=float, default=1.0, help="NDCG@10 on validation, to stop")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    seed_everything(arguments.seed)
    split = SplitFile(arguments.split)
    if (arguments.content or arguments.model == "unisrec") and split.content is None:
        parser.error(
            f"expected a split file with content (export_split.py --cache); got {arguments.split}"
        )
    fit = fit_unisrec if arguments.model == "unisrec" else fit_transformer
    start = time.perf_counter()
    fit(arguments, split)
    result = found() | {"seconds": time.perf_counter() - start}
    # "epochs" is what was trained, not the most that was allowed.
    print(json.dumps({key: str(value) for key, value in vars(arguments).items()} | result))


if __name__ == "__main__":
    main()
