"""From a model that was trained without ``fit`` to the state of a recommender."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from mmrec.data import Catalog, Source, Split
from mmrec.encoders import IdEncoder
from mmrec.models import SequentialModel
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.content import Content, GivenModality, IdModality, Modality
from mmrec.recommender.options import Options
from mmrec.recommender.parts.sources import described_sources
from mmrec.recommender.pipeline.assemble import Recipe, made_of, specs_of_model
from mmrec.recommender.pipeline.measure import describe_content, measure
from mmrec.recommender.pipeline.plan import Plan
from mmrec.recommender.pipeline.stage import finish


def adopt(
    model: SequentialModel,
    catalog: Catalog,
    split: Split,
    sources: Mapping[str, Source],
    options: Options | None = None,
    modalities: Mapping[str, Modality] | None = None,
    report: Mapping[str, Any] | None = None,
) -> RecommenderState:
    """Return the state of a trained model; see :meth:`mmrec.Recommender.from_model`."""
    if model.users is not None:
        raise ValueError(
            "from_model expects a model without features of users, whose columns are unknown; "
            "give users to fit"
        )
    encoders: dict[str, Any] = dict(model.items.encoders.items())
    options = options or Options(drop_repeats=False)
    ids = [name for name, encoder in encoders.items() if isinstance(encoder, IdEncoder)]
    if len(ids) > 1:
        raise ValueError(f"from_model expects one encoder of ids; got {ids}")
    given = {name: _default(encoder) for name, encoder in encoders.items()} | dict(modalities or {})
    for what, names in (("sources", set(sources)), ("modalities", set(given))):
        if names != set(encoders):
            raise ValueError(
                f"{what} must be of the model's modalities, {sorted(encoders)}; got {sorted(names)}"
            )
    lengths = {name: len(source.present) for name, source in sources.items()}
    if set(lengths.values()) != {len(catalog) + 1} or split.catalog_size != len(catalog):
        raise ValueError(
            f"sources and split must be of the catalogue, {len(catalog) + 1} indices with padding; "
            f"got {lengths} and a split of {split.catalog_size} items"
        )
    known: dict[str, Any] = {"modalities": tuple(encoders), "dim": model.items.dim}
    known |= {"split": split.name, "refit": "none"}
    options = options.replace(**known, min_count=int(split.options.get("min_count", 0)))
    facts = {name: given[name].facts_of(catalog, encoder) for name, encoder in encoders.items()}
    content = Content(sources=dict(sources), encoders=encoders, facts=facts)
    plan = Plan(options, Recipe(), given, catalog.copy(), split)
    state = finish(plan, content, model, specs_of_model(model))
    recipe = {name: spec.to_dict() for name, spec in state.specs.items()}
    code = described_sources([*made_of(state.specs, model), *given.values()])
    measured, targets = measure(state, split, content)
    return replace(
        state,
        slots=_slots(encoders, sources, len(catalog)),
        recipe=recipe | {"loss": None, "negatives": None},
        report=measured | describe_content(catalog, content) | dict(report or {}),
        targets=targets,
        about={**state.about, **code},
    )


def _default(encoder: nn.Module) -> Modality:
    """Return the modality that an encoder has by default."""
    return IdModality() if isinstance(encoder, IdEncoder) else GivenModality(encoder)


def _slots(
    encoders: Mapping[str, nn.Module], sources: Mapping[str, Source], size: int
) -> np.ndarray:
    """Return the position in the id vocabulary of each catalogue index."""
    slots = np.zeros(size + 1, dtype=np.int64)
    for name, encoder in encoders.items():
        if isinstance(encoder, IdEncoder):
            known = np.flatnonzero(sources[name].present)
            slots[known] = np.asarray(sources[name].load(known))
    return slots
