"""The pipeline of ``fit`` and ``update``: content → model → training → vectors → measurement."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmrec.data import Catalog, Split
from mmrec.models import SequentialModel, encode_with_contributions
from mmrec.recommender.artifact.run import is_main_process
from mmrec.recommender.artifact.state import TIMED, RecommenderState
from mmrec.recommender.content import Content, Context, FittedModality, Modality, read_content
from mmrec.recommender.content.modality import check_fingerprint
from mmrec.recommender.options import Options
from mmrec.recommender.parts import SLOTS, PartSpec
from mmrec.recommender.pipeline.assemble import Recipe, build_model, known_sizes, model_from
from mmrec.recommender.pipeline.clock import Clock
from mmrec.recommender.pipeline.measure import describe_content, measure
from mmrec.recommender.pipeline.private import train_private
from mmrec.recommender.pipeline.train import train, training_device
from mmrec.recommender.pipeline.trend import with_trend
from mmrec.recommender.users import FittedUsers, UserFeatures, UserTable, fit_users


@dataclass(frozen=True)
class Plan:
    """The data and the parts of a recommender that is to be trained.

    Attributes:
        options: numbers and choices.
        recipe: what was given for each slot.
        modalities: the modalities, by name.
        catalog: the items.
        split: the labelled events.
        trained: catalogue indices of the items that get an id vector.
        about: further facts for ``config.json``.
        users: the table of users whose features are used, or None.
    """

    options: Options
    recipe: Recipe
    modalities: dict[str, Modality]
    catalog: Catalog
    split: Split
    trained: np.ndarray
    about: dict[str, Any] = field(default_factory=dict)
    users: UserTable | None = None

    @property
    def content(self) -> list[str]:
        """The modalities that items without events have."""
        return [name for name, modality in self.modalities.items() if modality.has_content]

    def check(self) -> dict[str, PartSpec]:
        """Make the parts that need no encoder, so that errors are found before encoding.

        Returns:
            Their specs.

        Raises:
            ValueError: a part can't be made.
        """
        self.recipe.to_dict()  # fails if a part can't be described
        with seeded(0):
            event_types = self.split.sequences.event_types
            known = known_sizes(self.recipe, self.options, event_types)
            return {
                slot: SLOTS[slot].make(given, known[slot])[1]
                for slot in ("interest", "scorer", "reranker")
                if (given := self.recipe.of(slot)) is not None
            }


@dataclass(frozen=True)
class Execution:
    """How a plan is carried out.

    Attributes:
        cache: folder in which the features of frozen encoders are kept, or None.
        checkpoints: folder for a checkpoint after each epoch, or None.
        resume: whether training continues from the last checkpoint.
        progress: whether to show progress bars.
        watch: is given the validation NDCG@10 after each epoch, and ends the training by
            returning True.
    """

    cache: Path | None = None
    checkpoints: Path | None = None
    resume: bool = False
    progress: bool = False
    watch: Callable[[float], bool] | None = None


@dataclass(frozen=True)
class Trained:
    """What a training gives.

    Attributes:
        plan: the plan, whose split has the rows of the users.
        content: sources and encoders of the catalogue.
        model: the trained model.
        specs: of its parts.
        users: the features of users, or None.
        facts: what the report says about the training.
    """

    plan: Plan
    content: Content
    model: SequentialModel
    specs: dict[str, PartSpec]
    users: FittedUsers | None
    facts: dict[str, Any]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch's generators in a block, and restore their state at its end."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def carry_out(
    plan: Plan, how: Execution, start: RecommenderState | None = None
) -> RecommenderState:
    """Train and measure a recommender.

    Args:
        plan: data and parts.
        how: folders, progress and resumption.
        start: the recommender that is updated; None to start from new weights.

    Raises:
        ValueError: no item has a modality, parts don't fit together, or the loss is not finite.
        OSError: a checkpoint can't be written.
    """
    clock = Clock()
    made = fit_model(plan, how, start, clock)
    plan, content, model, users = made.plan, made.content, made.model, made.users
    state = finish(plan, content, model, made.specs, device=training_device())
    if users is not None and model.users is not None:
        features = users.features
        features = UserFeatures.of(features.modalities, features.catalog, model.users)
        state = replace(state, users=features)
    clock.lap("train")
    facts: dict[str, Any] = {}
    if plan.options.trend and plan.options.epsilon is None:
        state, facts = with_trend(state, plan.split, plan.options.seed)
    report: dict[str, Any] = {}
    targets = None
    if is_main_process():  # the other processes have the same model
        report, targets = measure(state, plan.split)
    clock.lap("evaluate")
    report |= facts
    if state.users is not None:
        report["user_features"] = list(state.users.modalities)
        report["users_with_features"] = int(state.users.known.sum())
    report |= made.facts | describe_content(plan.catalog, content) | {"seconds": clock.seconds}
    return replace(state, report=report, targets=targets).to("cpu")


def fit_model(
    plan: Plan, how: Execution, start: RecommenderState | None = None, clock: Clock | None = None
) -> Trained:
    """Train a model by its validation, without what follows: it reads no event of the test part.

    Arguments and errors are those of :func:`carry_out`.
    """
    plan.check()
    clock = clock or Clock()
    with seeded(plan.options.seed):
        context = Context(
            plan.options.dim, plan.trained, how.cache, training_device(), how.progress
        )
        before = {} if start is None else {n: m.facts for n, m in start.modalities.items()}
        content = read_content(plan.modalities, plan.catalog, context, before)
        users = None
        if plan.users is not None:
            dropout = plan.options.modality_dropout
            users = fit_users(plan.users, plan.split, plan.options.dim, dropout)
            plan = replace(plan, split=users.features.labelled(plan.split))
        clock.lap("encode")
        model, specs = _model(plan, content, start, users)
        facts = _train(plan, content, model, how, users)
    return Trained(plan, content, model, specs, users, facts)


def finish(
    plan: Plan,
    content: Content,
    model: SequentialModel,
    specs: dict[str, PartSpec],
    *,
    device: str | torch.device = "cpu",
) -> RecommenderState:
    """Encode the catalogue and return the state of a trained model, without a report."""
    size = len(plan.catalog)
    vectors, contributions = encode_with_contributions(
        model.to(device).items, content.sources, size
    )
    slots = np.zeros(size + 1, dtype=np.int64)
    slots[plan.trained] = np.arange(1, len(plan.trained) + 1)
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
    plan: Plan, content: Content, start: RecommenderState | None, users: FittedUsers | None
) -> tuple[SequentialModel, dict[str, PartSpec]]:
    tower = None if users is None else users.tower
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
    return model_from(start.model, start.specs, content.encoders, tower), dict(start.specs)


def _train(
    plan: Plan,
    content: Content,
    model: SequentialModel,
    how: Execution,
    users: FittedUsers | None,
) -> dict[str, Any]:
    """Train the model in place; return what the report says about it."""
    if plan.options.epsilon is not None:
        history, privacy = train_private(
            model, plan.options, plan.recipe, plan.split, content.sources
        )
        return {"training": history, "privacy": privacy}
    history = train(
        model,
        plan.options,
        plan.recipe,
        plan.split,
        content,
        progress=how.progress,
        checkpoints=how.checkpoints,
        resume=how.resume,
        users=None if users is None else users.sources or None,
        watch=how.watch,
    )
    return {"training": history}
