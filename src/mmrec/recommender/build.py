"""From options to the parts they name."""

from collections.abc import Mapping
from typing import cast

import numpy as np
from torch import nn

from mmrec.data import Catalog, Interactions, Negatives, Split, leave_one_out, split_by_time
from mmrec.fusion import AttentionFusion, ConcatFusion, SiameseFusion
from mmrec.losses import bce_loss, bpr_loss, softmax_loss
from mmrec.models import SequentialModel, gru4rec
from mmrec.recommender.options import Options
from mmrec.sampling import FullPool, InBatchPool, PopularityPool, UniformPool
from mmrec.scoring import MLPScorer

FUSIONS = {"concat": ConcatFusion, "attention": AttentionFusion, "siamese": SiameseFusion}
LOSSES = {"softmax": softmax_loss, "bpr": bpr_loss, "bce": bce_loss}


def build_model(
    options: Options, encoders: Mapping[str, nn.Module], event_types: int
) -> SequentialModel:
    """Wire the model that ``options`` describe around its encoders."""
    dims = {name: cast(int, encoder.dim) for name, encoder in encoders.items()}
    return gru4rec(
        encoders,
        dim=options.dim,
        layers=options.layers,
        dropout=options.dropout,
        modality_dropout=options.modality_dropout,
        fusion=FUSIONS[options.fusion](dims, options.dim),
        time_gap=options.time_gap,
        event_types=event_types if options.event_types else 0,
        ranker=MLPScorer(options.dim, options.dim) if options.scorer == "mlp" else None,
    )


def build_split(options: Options, interactions: Interactions, catalog: Catalog) -> Split:
    """Split a log as ``options`` say."""
    if options.split == "time":
        return split_by_time(interactions, catalog, min_count=options.min_count)
    return leave_one_out(interactions, catalog, min_count=options.min_count)


def build_negatives(options: Options, split: Split) -> Negatives:
    """Return what a target is compared with; never an item without training events."""
    counts = split.train_counts
    trained = np.flatnonzero(counts)
    if options.negatives == "full":
        return FullPool(trained)
    if options.negatives == "uniform":
        return UniformPool(trained, min(options.pool_size, len(trained)))
    if options.negatives == "popularity":
        return PopularityPool(counts, options.pool_size)
    return InBatchPool(counts, options.batch_size * options.max_length)
