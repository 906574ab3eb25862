"""Conversion of a state to a RUN and back."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import polars as pl
import torch

from mmrec import __version__
from mmrec.affinities import ContentAffinity, Counted, counted_from, with_content
from mmrec.data import Catalog
from mmrec.encoders import Encoder
from mmrec.models import ItemEncoder
from mmrec.recommender.artifact.needed import check_own
from mmrec.recommender.artifact.run import (
    COUNT,
    NEIGHBOURS,
    SLOT,
    TREND,
    VECTOR,
    Run,
    RunError,
    with_columns,
)
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.content import FittedModality
from mmrec.recommender.options import Options
from mmrec.recommender.parts import OwnPartNeeded, PartSpec
from mmrec.recommender.parts.own import Own
from mmrec.recommender.pipeline.assemble import assemble
from mmrec.recommender.users import UserFeatures, user_catalog
from mmrec.recommender.users.fitting import user_tower
from mmrec.trends import Trend

log = logging.getLogger(__name__)

BEFORE = "before"
"""In ``config.json`` and in the names of arrays: the counts before an update."""

BESIDE = "images_from_run"
"""In ``config.json``: the folder of images as seen from the RUN."""


def to_run(state: RecommenderState, directory: Path | None = None) -> Run:
    """Return the RUN of a state.

    Args:
        state: the state.
        directory: where the RUN will lie; the way from there to the images is recorded too.
    """
    items = with_columns(state.catalog.frame, state.vectors, state.counts, state.slots)
    images = state.catalog.images
    beside = {}
    if images is not None and directory is not None:
        beside = {BESIDE: os.path.relpath(images.resolve(), directory.resolve())}
    return Run(
        describe(state) | beside,
        dict(state.model.state_dict()),
        items,
        dict(state.report),
        state.targets,
        dict(state.modality_contributions),
        {} if state.trend is None else state.trend.tensors(),
        {
            f"{number}.{name}": array
            for number, one in enumerate(state.neighbours)
            for name, array in _arrays(one).items()
        },
        _table_of(state.users),
        _given(state),
    )


def _given(state: RecommenderState) -> dict[str, Any]:
    """Return what ``fit`` was given, with what is known of where the data lies."""
    if not state.given:
        return {}
    names = ("data", "columns", "time_unit")
    return {n: v for n in names if (v := state.about.get(n)) is not None} | dict(state.given)


def _neighbours(run: Run) -> tuple[Counted, ...]:
    """Return the affinities that were counted in the log; none if their file was removed."""
    if run.config["neighbours"] and not run.neighbours:
        log.warning("the RUN lacks %s: scores lack what was counted", NEIGHBOURS)
        return ()
    return tuple(
        _counted(values, _under(f"{number}.", run.neighbours))
        for number, values in enumerate(run.config["neighbours"])
    )


def _arrays(one: Counted) -> dict[str, torch.Tensor]:
    """Return the arrays of counts, and of those before an update."""
    before = {} if one.before is None else one.before.tensors()
    return {**one.tensors(), **{f"{BEFORE}.{name}": array for name, array in before.items()}}


def _numbers(one: Counted) -> dict[str, Any]:
    return one.to_dict() | {BEFORE: None if one.before is None else one.before.to_dict()}


def _counted(values: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> Counted:
    """Return what :func:`_numbers` and :func:`_arrays` have made."""
    before = values.get(BEFORE)
    earlier = None if before is None else counted_from(before, _under(f"{BEFORE}.", tensors))
    return counted_from(values, tensors).updated(earlier)


def _trend(run: Run) -> Trend | None:
    """Return the trend; none if its file was removed."""
    if not run.config["trend"]:
        return None
    if not run.trend:
        log.warning("the RUN lacks %s: scores lack what is popular now", TREND)
        return None
    return Trend.from_dict(run.config["trend"], run.trend)


def _under(start: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {n.removeprefix(start): value for n, value in tensors.items() if n.startswith(start)}


def _table_of(users: UserFeatures | None) -> pl.DataFrame | None:
    if users is None or users.catalog is None:
        return None
    return users.catalog.frame.rename({"item_id": "user_id"})


def _users_of(
    run: Run, fitted: Mapping[str, FittedModality], tower: ItemEncoder | None
) -> UserFeatures | None:
    """Return the features of users; those of nobody if their file was removed."""
    if tower is None:
        return None
    columns = [name for one in fitted.values() for name in one.columns_read]
    catalog = None if run.users is None else user_catalog(run.users, columns)
    return UserFeatures.of(fitted, catalog, tower)


def describe(state: RecommenderState) -> dict[str, Any]:
    """Return ``config.json``, from which the model is made again and the training repeated."""
    images, content = state.catalog.images, ContentAffinity.of(state.model)
    return {
        "versions": {"mmrec": __version__, "torch": str(torch.__version__)},
        "options": state.options.to_dict(),
        "recipe": dict(state.recipe),
        "parts": {name: spec.to_dict() for name, spec in state.specs.items()},
        "modalities": _described(state.modalities),
        "users": None if state.users is None else _described(state.users.modalities),
        "event_types": list(state.event_types),
        "images": str(images.resolve()) if images else None,
        "trend": None if state.trend is None else state.trend.to_dict(),
        "content_affinity": None if content is None else content.to_dict(),
        "neighbours": [_numbers(one) for one in state.neighbours],
        "about": dict(state.about),
    }


def _described(modalities: Mapping[str, FittedModality]) -> dict[str, Any]:
    return {name: fitted.to_dict() for name, fitted in modalities.items()}


def _fitted(described: Mapping[str, Any], own: Own) -> dict[str, FittedModality]:
    return {name: FittedModality.from_dict(name, v, own) for name, v in described.items()}


def from_run(
    run: Run, directory: Path, own: Own = (), images: Path | None = None
) -> RecommenderState:
    """Return the state that a RUN describes.

    Args:
        run: the content of the files.
        directory: their folder, for messages.
        own: classes or objects of parts from outside mmrec. No code comes from a RUN.
        images: folder of the images; by default the one that the RUN names or, if it has moved
            together with the RUN, the one that lies where it did as seen from the RUN.

    Raises:
        FileNotFoundError: ``images`` is given, and there is no such folder.
        RunError: the RUN does not describe a model, or a file that it needs is missing.
    """
    if images is not None and not images.is_dir():
        raise FileNotFoundError(f"images must be a folder; there is none at {images}")
    try:
        state = _state(run, own, images or _images_of(run, directory))
    except OwnPartNeeded as error:
        raise RunError(f"{directory}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise RunError(f"{directory} does not describe a model: {_reason(error)}") from error
    except OSError as error:
        raise RunError(f"{directory} cannot be loaded: {error}") from error
    _check_numbers(run.weights, state, directory)
    return state


def _images_of(run: Run, directory: Path) -> Path | None:
    """Return the folder of images: as it was named, or where it lies as seen from the RUN."""
    named, beside = run.config["images"], run.config.get(BESIDE)
    if named is None or beside is None or Path(named).is_dir():
        return None if named is None else Path(named)
    moved = (directory.resolve() / beside).resolve()
    return moved if moved.is_dir() else Path(named)


def _state(run: Run, own: Own, images: Path | None) -> RecommenderState:
    config = run.config
    check_own(config, own)
    options = Options.from_dict(config["options"])
    modalities, people = _fitted(config["modalities"], own), _fitted(config.get("users") or {}, own)
    encoders = {name: fitted.modality.rebuild(fitted.facts) for name, fitted in modalities.items()}
    specs = {name: PartSpec.from_dict(values) for name, values in config["parts"].items()}
    tower = None
    if people:
        made = {name: fitted.modality.rebuild(fitted.facts) for name, fitted in people.items()}
        tower = user_tower(cast(dict[str, Encoder], made), options.dim, options.modality_dropout)
    model = assemble(specs, encoders, own, tower)
    if config["content_affinity"] is not None:
        model = with_content(model, ContentAffinity.from_dict(config["content_affinity"]))
    model.load_state_dict(run.weights)
    return RecommenderState(
        options=options,
        recipe=config["recipe"],
        specs=specs,
        modalities=modalities,
        model=model.eval(),
        catalog=Catalog(run.items.drop(VECTOR, COUNT, SLOT), images),
        vectors=run.vectors,
        counts=run.counts,
        slots=run.slots,
        event_types=tuple(config["event_types"]),
        report=run.report,
        targets=run.targets,
        modality_contributions=run.contributions,
        about=config["about"],
        trend=_trend(run),
        users=_users_of(run, people, model.users),
        neighbours=_neighbours(run),
        given=run.given,
    )


def _check_numbers(
    weights: Mapping[str, torch.Tensor], state: RecommenderState, directory: Path
) -> None:
    dim = state.model.items.dim
    if state.vectors.shape[1] != dim:
        raise RunError(
            f"{directory} must hold item vectors of width {dim}; they have {state.vectors.shape[1]}"
        )
    for name, value in {**weights, "the item vectors": state.vectors}.items():
        if value.isnan().any():
            raise RunError(f"{directory} must hold numbers; {name} has NaN")
    if state.trend is not None and len(state.trend.counts) != len(state.vectors):
        raise RunError(
            f"{directory} must have a trend of {len(state.vectors) - 1} items; it has one of "
            f"{state.trend.catalog_size}"
        )
    for one in state.neighbours:
        if one.catalog_size >= len(state.vectors):
            raise RunError(
                f"{directory} must have neighbours of {len(state.vectors) - 1} items at most; it "
                f"has those of {one.catalog_size}"
            )
    for name, added in state.modality_contributions.items():
        if name not in state.modalities or added.shape != state.vectors.shape:
            raise RunError(
                f"{directory} must hold contributions of {list(state.modalities)} in the shape "
                f"{tuple(state.vectors.shape)}; that of {name!r} has {tuple(added.shape)}"
            )


def _reason(error: Exception) -> str:
    # The first line of PyTorch's error about a state dict has no details.
    lines = str(error).splitlines() or [type(error).__name__]
    reason = lines[min(len(lines), 2) - 1].strip()
    return f"{reason} is missing" if isinstance(error, KeyError) else reason
