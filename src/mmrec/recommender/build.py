"""From options to the parts they name."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.data import (
    Catalog,
    Interactions,
    Split,
    Table,
    check_known,
    drop_consecutive_duplicates,
    leave_one_out,
    split_by_time,
    windows,
)
from mmrec.fusion import AttentionFusion, ConcatFusion, Fusion, SiameseFusion
from mmrec.losses import bce_loss, bpr_loss, softmax_loss
from mmrec.models import SequentialModel, gru4rec, lrurec, sasrec
from mmrec.recommender.options import Options
from mmrec.recommender.parts import Build, with_own
from mmrec.sampling import (
    FullSampler,
    InBatchSampler,
    PopularitySampler,
    Sampler,
    UniformSampler,
    UnionSampler,
)
from mmrec.scoring import MLPScorer

FUSIONS: dict[str, Callable[..., Fusion]] = {
    "concat": ConcatFusion,
    "attention": AttentionFusion,
    "siamese": SiameseFusion,
}
FULL_UP_TO = 1_000
"""Trained items up to which every one of them is a negative, unless told otherwise."""

LOSSES = {"softmax": softmax_loss, "bpr": bpr_loss, "bce": bce_loss}


def build_model(
    options: Options,
    encoders: Mapping[str, Any],
    event_types: int,
    build: Build | None = None,
) -> SequentialModel:
    """Wire the model that ``options`` describe around its encoders; ``build`` changes it."""
    dims = {name: encoder.dim for name, encoder in encoders.items()}
    aligned = [name for name in dims if name != "id"]
    own = (
        {"alignment": options.alignment, "aligned": aligned} if options.fusion == "siamese" else {}
    )
    shared: dict[str, Any] = {
        "dim": options.dim,
        "dropout": options.dropout,
        "modality_dropout": options.modality_dropout,
        "fusion": FUSIONS[options.fusion](dims, options.dim, **own),
        "time_gap": options.time_gap,
        "num_event_types": event_types if options.event_types else 0,
        "reranker": MLPScorer(options.dim, options.dim) if options.scorer == "mlp" else None,
    }
    if options.layers is not None:
        shared["layers"] = options.layers
    if options.interest == "sasrec":
        shared["window"] = options.max_length
    make = {"gru": gru4rec, "sasrec": sasrec, "lru": lrurec}[options.interest]
    return with_own(make(encoders, **shared), build)


def check_no_folder(source: object, what: str) -> None:
    """Refuse a folder where a table is expected, and name what reads it."""
    if isinstance(source, str | Path) and os.path.isdir(source):  # noqa: PTH112  # a name too long
        raise ValueError(
            f"{what} must be rows, or a .csv or .parquet file; {source} is a folder, which "
            f"mmrec.data.read_folder reads"
        )


def known_log(events: Table | Interactions, catalog: Catalog) -> Interactions:
    """Return the log; all of its items are in the catalogue.

    Raises:
        ValueError: an item isn't, or the rows are no log.
    """
    check_no_folder(events, "interactions")
    log = events if isinstance(events, Interactions) else Interactions(events)
    check_known(log, catalog)
    return log


def prepared(log: Interactions, options: Options) -> Interactions:
    """Return the log as a recommender reads it."""
    return drop_consecutive_duplicates(log) if options.drop_repeats else log


def build_split(options: Options, interactions: Interactions, catalog: Catalog) -> Split:
    """Split a log as ``options`` say."""
    if options.split == "time":
        return split_by_time(interactions, catalog, min_count=options.min_count)
    return leave_one_out(interactions, catalog, min_count=options.min_count)


def renumbered(split: Split, event_types: Sequence[str]) -> Split:
    """Return the split with event types numbered as in ``event_types``; others become 0."""
    events = split.sequences
    numbers = {name: number for number, name in enumerate(event_types, 1)}
    table = np.array([0, *(numbers.get(name, 0) for name in events.event_types)])
    sequences = replace(events, event_type=table[events.event_type], event_types=tuple(event_types))
    return replace(split, sequences=sequences)


def build_negatives(options: Options, split: Split) -> Sampler:
    """Return what a target is compared with; never an item without training events.

    The targets of a batch are candidates too, so a drawn pool is joined with them.
    """
    counts = split.train_counts
    trained = np.flatnonzero(counts)
    kind = options.negatives
    if kind == "auto" and options.trains_encoders:
        kind = "in-batch"
    elif kind == "auto":
        kind = "full" if len(trained) <= FULL_UP_TO else "popularity"
    if kind == "full":
        return FullSampler(trained)
    spans = windows(split.train, options.max_length)
    steps = (spans[:, 1] - spans[:, 0] - 1).mean() if len(spans) else 1
    in_batch = InBatchSampler(counts, max(round(options.batch_size * steps), 1))
    if kind == "in-batch":
        return in_batch
    drawn = (
        UniformSampler(trained, options.pool_size)
        if kind == "uniform"
        else PopularitySampler(counts, options.pool_size)
    )
    return UnionSampler([in_batch, drawn])
