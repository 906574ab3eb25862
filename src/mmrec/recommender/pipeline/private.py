"""Training with differential privacy of users, and the options that it allows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.data import Source, Split
from mmrec.models import SequentialModel
from mmrec.recommender.content import Modality, trains_encoders
from mmrec.recommender.options import Options
from mmrec.recommender.parts import SLOTS
from mmrec.recommender.parts.slots import FULL_UP_TO
from mmrec.recommender.pipeline.assemble import Recipe
from mmrec.recommender.pipeline.learning_rate import learning_rate
from mmrec.recommender.pipeline.negatives import DRAWN, make_loss
from mmrec.recommender.pipeline.train import training_device
from mmrec.sampling import FullSampler, Sampler, UniformSampler


def check_private(
    options: Options,
    recipe: Recipe,
    modalities: Mapping[str, Modality],
    checkpoints: Path | None = None,
) -> None:
    """Raise a ``ValueError`` if an option or part can't be combined with privacy.

    Nothing is checked without ``options.epsilon``.

    Raises:
        ImportError: Opacus is not installed.
    """
    if options.epsilon is None:
        return
    # Imported here, so that a recommender that only serves doesn't load Lightning.
    from mmrec.training.private_budget import needs_opacus

    negatives = recipe.of("negatives")
    problems = {
        "no id vectors, because an item's would reveal the few users who interacted with it: set "
        "modalities to ('text', 'image') or one of them": any(
            not modality.has_content for modality in modalities.values()
        ),
        "frozen text and image models: set tuning='frozen'": trains_encoders(modalities),
        "negatives that don't depend on the events: set negatives to 'auto', 'full' or "
        f"'uniform', not {negatives!r}": negatives in ("in-batch", "mixed", "popularity")
        or isinstance(negatives, Sampler),
        "no reranker": recipe.of("reranker") is not None,
        "min_count=0, because with that filter one user decides whether another's events count": (
            options.min_count > 0
        ),
        "one device: set devices=1": options.devices not in ("auto", 1),
        "float32: set precision='32-true'": options.precision not in ("32-true", "32"),
        "no checkpoints: it can't be resumed": checkpoints is not None,
    }
    for problem, found in problems.items():
        if found:
            raise ValueError(f"training with privacy (epsilon={options.epsilon}) needs {problem}")
    needs_opacus()


def private_sampler(recipe: Recipe, options: Options, catalog_size: int) -> Sampler:
    """Return a sampler that doesn't depend on the events: all of the catalogue, or a draw.

    Raises:
        ValueError: a factory needs an argument that depends on the events.
    """
    items, given = np.arange(1, catalog_size + 1), recipe.of("negatives")
    if given == "auto":
        given = "full" if catalog_size <= FULL_UP_TO else "uniform"
    if isinstance(given, str):
        given = {"full": FullSampler, "uniform": UniformSampler}.get(given, given)
    known = {"items": items, "size": options.pool_size or DRAWN}
    sampler: Sampler = SLOTS["negatives"].create(given, known)
    return sampler


def train_private(
    model: SequentialModel,
    options: Options,
    recipe: Recipe,
    split: Split,
    sources: Mapping[str, Source],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train ``model`` in place with the options' epsilon; see :func:`train_privately`.

    Returns:
        The number of epochs, and the privacy that was reached.

    Raises:
        ValueError: the budget is too low, or the weights are no longer finite.
    """
    from mmrec.training.private import train_privately
    from mmrec.training.private_batches import UserBatches

    if options.epsilon is None:
        raise ValueError("private training needs epsilon; got None")
    batches = UserBatches(
        split.train,
        sources,
        private_sampler(recipe, options, split.catalog_size),
        batch_size=options.batch_size,
        max_length=options.max_length,
        device=training_device(),
    )
    privacy = train_privately(
        model.to(training_device()),
        batches,
        make_loss(recipe),
        epsilon=options.epsilon,
        delta=0.1 / batches.users if options.delta is None else options.delta,
        max_grad_norm=options.max_grad_norm,
        epochs=options.epochs,
        lr=learning_rate(split, options),
        weight_decay=options.weight_decay,
        ema=options.ema,
    )
    return {"epochs": options.epochs}, privacy
