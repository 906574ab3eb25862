"""A recommender whose training keeps its users private: which options go with that, and how."""

from pathlib import Path
from typing import Any

import numpy as np

from mmrec.data import Split
from mmrec.models import SequentialModel
from mmrec.recommender.build import FULL_UP_TO, LOSSES
from mmrec.recommender.content import Content
from mmrec.recommender.options import Options
from mmrec.sampling import FullSampler, Sampler, UniformSampler


def check_private(options: Options, checkpoints: Path | None = None) -> None:
    """Raise a ValueError that names the first option that doesn't go with privacy.

    Nothing is checked where ``options`` have no epsilon.

    Raises:
        ImportError: Opacus is not installed.
    """
    if options.epsilon is None:
        return
    # Imported here, so that a recommender that only serves doesn't load Lightning.
    from mmrec.training.private_budget import needs_opacus

    problems = {
        "no id vectors, because an item's would tell of the few users who met it: set modalities "
        "to ('text', 'image') or one of them": "id" in options.modalities,
        "frozen text and image models: set tuning='frozen'": options.trains_encoders,
        "negatives that don't know the events: set negatives to 'auto', 'full' or "
        f"'uniform', not {options.negatives!r}": options.negatives in ("in-batch", "popularity"),
        "the scorer 'dot', not 'mlp'": options.scorer == "mlp",
        "no alignment loss: set alignment=0.0": options.fusion == "siamese" and options.alignment,
        "min_count=0, because that filter lets one user decide about another's events": (
            options.min_count > 0
        ),
        "one device: set devices=1": options.devices not in ("auto", 1),
        "float32: set precision='32-true'": options.precision not in ("32-true", "32"),
        "no checkpoints: it can't go on after an interruption": checkpoints is not None,
    }
    for problem, found in problems.items():
        if found:
            raise ValueError(f"training with privacy (epsilon={options.epsilon}) needs {problem}")
    needs_opacus()


def private_negatives(options: Options, catalog_size: int) -> Sampler:
    """Return candidates that are the same whatever the events: all of the catalogue, or a draw."""
    items = np.arange(1, catalog_size + 1)
    kind = options.negatives
    if kind == "auto":
        kind = "full" if catalog_size <= FULL_UP_TO else "uniform"
    return FullSampler(items) if kind == "full" else UniformSampler(items, options.pool_size)


def train_private(
    model: SequentialModel, options: Options, split: Split, content: Content
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train ``model`` in place with the options' epsilon; see :func:`train_privately`.

    Returns:
        How it went, and the privacy that was reached.

    Raises:
        ValueError: the budget is too low, or the weights are no longer finite.
    """
    from mmrec.recommender.training import training_device
    from mmrec.training.private import train_privately
    from mmrec.training.private_batches import UserBatches

    assert options.epsilon is not None
    batches = UserBatches(
        split.train,
        content.sources,
        private_negatives(options, split.catalog_size),
        batch_size=options.batch_size,
        max_length=options.max_length,
        device=training_device(),
    )
    privacy = train_privately(
        model.to(training_device()),
        batches,
        LOSSES[options.loss],
        epsilon=options.epsilon,
        delta=0.1 / batches.users if options.delta is None else options.delta,
        max_grad_norm=options.max_grad_norm,
        epochs=options.epochs,
        lr=options.lr,
        weight_decay=options.weight_decay,
        ema=options.ema,
    )
    return {"epochs": options.epochs}, privacy
