"""Items that came after training: encoded by what is known of them."""

from collections.abc import Mapping
from typing import Any, cast

import polars as pl
import torch
from torch import Tensor, nn

from mmrec.data import Catalog, Source, TableSource, TextTemplate
from mmrec.encoders import FeatureEncoder, FeatureStore, IdEncoder
from mmrec.models import SequentialModel, encode_catalog
from mmrec.recommender.content import (
    Transform,
    bare_encoder,
    raw_encoder,
    raw_source,
    raw_values,
    tell_problems,
)
from mmrec.recommender.options import Options


def rebuild_encoders(
    options: Options, config: Mapping[str, Any], vocabulary_size: int
) -> dict[str, nn.Module]:
    """Return the encoders of a saved model, their weights still to be loaded.

    Raises:
        ValueError: the ``config`` of the run describes none.
        OSError: a picture model's architecture is read from a folder, which is gone.
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
    model: SequentialModel, options: Options, config: Mapping[str, Any], new: Catalog
) -> Tensor:
    """Return the vectors of new items, ``(N, D)``. They have no id.

    Raises:
        ValueError: a pretrained encoder is not the one that the run was trained with.
        OSError: it, or a tokenizer, is not at hand.
    """
    sources: dict[str, Source] = {}
    new = _completed(new, options.text_template)
    for modality in options.modalities:
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
        features = FeatureStore(None).encode(encoder, [None, *values])
        tell_problems(new, {index - 1: reason for index, reason in features.problems.items()})
        sources[modality] = features
    return encode_catalog(model.items, sources, len(new))[1:]


def _completed(new: Catalog, template: str | None) -> Catalog:
    """Add the columns of the template that new rows lack: they have no such text."""
    wanted = TextTemplate(template).columns if template else ()
    lacking = [name for name in wanted if name not in new.frame.columns]
    frame = new.frame.with_columns(pl.lit(None, pl.String).alias(name) for name in lacking)
    return Catalog(frame, new.images)
