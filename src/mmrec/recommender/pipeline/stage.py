"""One training of a plan: content → model → training → vectors."""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from mmrec.affinities import learned
from mmrec.layers import seeded
from mmrec.models import SequentialModel, encode_with_contributions
from mmrec.recommender.artifact.state import TIMED, RecommenderState
from mmrec.recommender.content import Content, Context, FittedModality, read_content
from mmrec.recommender.content.modality import check_fingerprint
from mmrec.recommender.parts import PartSpec
from mmrec.recommender.pipeline.assemble import build_model, model_from
from mmrec.recommender.pipeline.clock import Clock
from mmrec.recommender.pipeline.plan import Execution, Plan
from mmrec.recommender.pipeline.private import train_private
from mmrec.recommender.pipeline.probe import check_outputs
from mmrec.recommender.pipeline.train import Length, train, training_device
from mmrec.recommender.users import FittedUsers, UserFeatures, fit_users


@dataclass(frozen=True)
class Stage:
    """A training on some parts of a split.

    Attributes:
        state: the trained model, without a report.
        content: what was encoded.
        length: how long the training took up to its weights; None with privacy.
        history: what the report says about the training.
        facts: what the report says about the stage.
    """

    state: RecommenderState
    content: Content
    length: Length | None
    history: dict[str, Any]
    facts: dict[str, Any]


def context_of(plan: Plan, how: Execution) -> Context:
    """Return what all stages of a plan share."""
    return Context(
        dim=plan.options.dim,
        trained=plan.trained,
        cache=how.cache,
        device=training_device(),
        progress=how.progress,
        hidden_cache=plan.options.hidden_cache,
    )


def run_stage(
    plan: Plan, how: Execution, context: Context, clock: Clock, length: Length | None = None
) -> Stage:
    """Train on the training part of a plan's split.

    Args:
        plan: data and parts.
        how: folders, progress and resumption.
        context: what all stages share; features that one has encoded are not encoded again.
        clock: measures encoding and training.
        length: how long to train; None to let validation choose.

    Raises:
        ValueError: no item has a modality, parts don't fit together, or the loss is not finite.
        OSError: a checkpoint can't be written.
    """
    began, first = time.perf_counter(), length is None
    with seeded(plan.options.seed):  # whatever an earlier stage has drawn
        start, events = plan.start, plan.split.train
        context = replace(context, trained=plan.trained, events=events)
        before = {} if start is None else {n: m.facts for n, m in start.modalities.items()}
        content = read_content(plan.modalities, plan.catalog, context, before, warn=first)
        users = None
        if plan.users is not None:
            dropout = plan.options.modality_dropout
            users = fit_users(plan.users, plan.split, plan.options.dim, dropout, warn=first)
            plan = replace(plan, split=users.features.labelled(plan.split))
        clock.lap("encode")
        model, specs = _model(plan, content, users)
        taken, epochs, history = _train(plan, content, model, how, users, length)
    state = finish(plan, content, model, specs, device=context.device)
    if users is not None and model.users is not None:
        features = users.features
        features = UserFeatures.of(features.modalities, features.catalog, model.users)
        state = replace(state, users=features)
    clock.lap("train")
    facts = {
        "events": len(plan.split.train.item),
        "trained_items": len(plan.trained),
        "steps": None if taken is None else taken.steps,
        "epochs": epochs,
        "seconds": round(time.perf_counter() - began, 1),
    }
    return Stage(state, content, taken, history, facts)


def finish(
    plan: Plan,
    content: Content,
    model: SequentialModel,
    specs: dict[str, PartSpec],
    *,
    device: str | torch.device = "cpu",
) -> RecommenderState:
    """Encode the catalogue and return the state of a trained model, without a report."""
    size, trained = len(plan.catalog), plan.trained
    vectors, contributions = encode_with_contributions(
        model.to(device).items, content.sources, size
    )
    slots = np.zeros(size + 1, dtype=np.int64)
    slots[trained] = np.arange(1, len(trained) + 1)
    return RecommenderState(
        options=plan.options,
        recipe=plan.recipe.to_dict(),
        specs=specs,
        modalities={
            name: FittedModality(modality, content.facts[name])
            for name, modality in plan.modalities.items()
        },
        model=model.eval(),
        catalog=plan.catalog,
        vectors=vectors,
        counts=torch.from_numpy(plan.split.train_counts),
        slots=slots,
        event_types=tuple(plan.split.sequences.event_types),
        modality_contributions=contributions,
        about={**plan.about, TIMED: plan.split.sequences.timed},
    )


def _model(
    plan: Plan, content: Content, users: FittedUsers | None
) -> tuple[SequentialModel, dict[str, PartSpec]]:
    tower, start = None if users is None else users.tower, plan.start
    if start is None:
        return build_model(
            plan.recipe,
            plan.options,
            content.encoders,
            event_types=plan.split.sequences.event_types,
            content=plan.content,
            users=tower,
        )
    for name, fitted in start.modalities.items():
        if (fingerprint := content.facts[name].get("fingerprint")) is not None:
            check_fingerprint(name, fingerprint, fitted.facts)
    old = learned(start.model)  # affinities are chosen anew
    return model_from(old, start.specs, content.encoders, tower), dict(start.specs)


def _train(
    plan: Plan,
    content: Content,
    model: SequentialModel,
    how: Execution,
    users: FittedUsers | None,
    length: Length | None,
) -> tuple[Length | None, float, dict[str, Any]]:
    """Train the model in place; return its length, its epochs and facts for the report."""
    check_outputs(model, training_device())
    if plan.options.epsilon is not None:
        history, privacy = train_private(
            model, plan.options, plan.recipe, plan.split, content.sources
        )
        return None, float(plan.options.epochs), {"training": history, "privacy": privacy}
    done = train(
        model,
        plan.options,
        plan.recipe,
        plan.split,
        content,
        progress=how.progress,
        checkpoints=how.checkpoints,
        resume=how.resume,
        users=None if users is None else users.sources or None,
        length=length,
        watch=how.watch,
        tracking=how.tracking,
        stage=how.stage,
    )
    return done.length, done.epochs, {"training": done.history}
