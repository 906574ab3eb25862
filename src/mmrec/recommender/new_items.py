"""Items that came after training: encoded by what is known of them."""

import logging
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from mmrec.data import Catalog, Source, TableSource, TextTemplate
from mmrec.encoders import FeatureEncoder, FeatureStore, IdEncoder
from mmrec.models import SequentialModel, encode_with_contributions
from mmrec.recommender.content import (
    Transform,
    bare_encoder,
    raw_encoder,
    raw_source,
    raw_values,
    tell_problems,
)
from mmrec.recommender.options import Options

log = logging.getLogger(__name__)


def rebuild_encoders(
    options: Options, config: Mapping[str, Any], vocabulary_size: int
) -> dict[str, nn.Module]:
    """Return the encoders of a saved model, their weights still to be loaded.

    Raises:
        ValueError: the ``config`` of the run describes none.
        OSError: an image model's architecture is read from a folder, which is gone.
    """
    feature_dims = config["feature_dims"]
    encoders: dict[str, nn.Module] = {}
    for modality in options.modalities:
        if modality == "id":
            encoders["id"] = IdEncoder(vocabulary_size, options.dim)
        elif modality in feature_dims:
            encoders[modality] = FeatureEncoder(feature_dims[modality])
        else:
            encoders[modality] = bare_encoder(modality, options, config["encoders"][modality])
    return encoders


def encode_rows(
    model: SequentialModel,
    options: Options,
    config: Mapping[str, Any],
    new: Catalog,
    features: Mapping[str, np.ndarray] | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the vectors of new items, ``(N, D)``, and what each modality adds to them.

    They have no id.

    Args:
        model: the trained model.
        options: what it was made with.
        config: of its run.
        new: the items.
        features: what frozen encoders would give, by modality, ``(N, D_m)``; these encoders are
            not needed then.

    Raises:
        ValueError: a pretrained encoder is not the one that the run was trained with, or given
            features are not of its width.
        OSError: it, or a tokenizer, is not at hand.
    """
    sources: dict[str, Source] = {}
    new = _completed(new, options.text_template)
    given = {} if features is None else features
    _check_features(given, options, config, len(new))
    for modality in options.modalities:
        if modality in given:
            table = np.pad(np.asarray(given[modality], dtype=np.float32), ((1, 0), (0, 0)))
            sources[modality] = TableSource(table, np.arange(len(table)) > 0)
            continue
        if modality == "id":
            none = torch.zeros(len(new) + 1, dtype=torch.long).numpy()
            sources["id"] = TableSource(none, none > 0)
            continue
        values = raw_values(modality, new, options.text_template)
        if options.tuning != "frozen":
            transform = cast(Transform, model.items.encoders[modality].transform)
            sources[modality], problems = raw_source(modality, values, transform)
            tell_problems(new, problems)
            continue
        encoder = raw_encoder(modality, options)
        wanted = config["encoders"][modality]["fingerprint"]
        if encoder.fingerprint() != wanted:
            raise ValueError(
                f"the {modality} encoder must have the fingerprint {wanted[:12]} that the run was "
                f"trained with; the one at hand has {encoder.fingerprint()[:12]}"
            )
        encoder = encoder.to(next(model.parameters()).device)
        encoded = FeatureStore(None).encode(encoder, [None, *values])
        tell_problems(new, {index - 1: reason for index, reason in encoded.problems.items()})
        sources[modality] = encoded
    _warn_of_unknown(new, sources)
    vectors, contributions = encode_with_contributions(model.items, sources, len(new))
    return vectors[1:], {name: share[1:] for name, share in contributions.items()}


def _warn_of_unknown(new: Catalog, sources: Mapping[str, Source]) -> None:
    """Tell of items of which the model sees nothing: all of them get the same vector."""
    seen = np.any([source.present[1:] for source in sources.values()], axis=0)
    items = new.ids_of(np.flatnonzero(~seen) + 1)
    if items:
        log.warning(
            "the model knows items by %s, and %d of the new ones have nothing of it, first %r: "
            "their place in a list means nothing",
            " and ".join(sources),
            len(items),
            items[:3],
        )


def _check_features(
    given: Mapping[str, np.ndarray], options: Options, config: Mapping[str, Any], count: int
) -> None:
    for name, table in given.items():
        width = config["feature_dims"].get(name)
        if name not in options.modalities or width is None:
            raise ValueError(
                f"features must be those of frozen encoders, {sorted(config['feature_dims'])}; "
                f"got {name!r}"
            )
        if np.shape(table) != (count, width):
            raise ValueError(
                f"features of {name} must be {(count, width)}, one row an item; got "
                f"{np.shape(table)}"
            )


def _completed(new: Catalog, template: str | None) -> Catalog:
    """Add the columns of the template that new rows lack: they have no such text."""
    wanted = TextTemplate(template).columns if template else ()
    lacking = [name for name in wanted if name not in new.frame.columns]
    frame = new.frame.with_columns(pl.lit(None, pl.String).alias(name) for name in lacking)
    return Catalog(frame, new.images)
