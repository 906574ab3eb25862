"""What is to be trained, and how that is carried out."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from mmrec.data import Catalog, Split
from mmrec.layers import seeded
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.content import Modality
from mmrec.recommender.options import Options
from mmrec.recommender.parts import SLOTS, PartSpec
from mmrec.recommender.pipeline.assemble import Recipe, known_sizes
from mmrec.recommender.pipeline.tracking import Tracking
from mmrec.recommender.users import UserTable

REFITS = {"none": (), "valid": ("valid",), "all": ("valid", "test")}
"""For each value of the option ``refit``, the last part of each training after the selection."""

NAMES = {"train": "select", "valid": "valid", "test": "all"}
"""The name of a training, by the last part that it reads."""


@dataclass(frozen=True)
class Plan:
    """The data and the parts of a recommender that is to be trained.

    Attributes:
        options: numbers and choices.
        recipe: what was given for each slot.
        modalities: the modalities, by name.
        catalog: the items.
        split: the labelled events.
        known: catalogue indices of the items that have an id vector without training events too,
            in the order of the id vocabulary.
        about: further facts for ``config.json``.
        users: the table of users whose features are used, or None.
        start: the recommender that is updated; None to start from new weights.
    """

    options: Options
    recipe: Recipe
    modalities: dict[str, Modality]
    catalog: Catalog
    split: Split
    known: Int[np.ndarray, " K"] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    about: dict[str, Any] = field(default_factory=dict)
    users: UserTable | None = None
    start: RecommenderState | None = None

    @property
    def content(self) -> list[str]:
        """The modalities that items without events have."""
        return [name for name, modality in self.modalities.items() if modality.has_content]

    @property
    def trained(self) -> Int[np.ndarray, " N"]:
        """Catalogue indices of the items that get an id vector, in the order of the vocabulary."""
        now = np.flatnonzero(self.split.train_counts)
        return np.concatenate([self.known, np.setdiff1d(now, self.known)])

    @property
    def refits(self) -> list[str]:
        """The last part of each training after the selection; parts without events are skipped."""
        return [p for p in REFITS[self.options.refit] if len(self.split.targets(p))]

    def until(self, part: str) -> "Plan":
        """Return the plan of a training on all parts up to and including ``part``."""
        return replace(self, split=self.split.training_until(part))

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
        cache: folder in which the features of frozen encoders and layers are kept, or None.
        checkpoints: folder for a checkpoint after each epoch, or None.
        resume: whether training continues from the last checkpoint.
        progress: whether to show progress bars.
        watch: is given the validation NDCG@10 after each epoch of the first training, and ends it
            by returning True.
        tracking: loggers, callbacks and arguments of the Trainer that were given.
        stage: the name of the training, one of :data:`NAMES`.
    """

    cache: Path | None = None
    checkpoints: Path | None = None
    resume: bool = False
    progress: bool = False
    watch: Callable[[float], bool] | None = None
    tracking: Tracking = field(default_factory=Tracking)
    stage: str = "select"

    def refitting(self, part: str) -> "Execution":
        """Return the same for a refit until ``part``, with its checkpoints in their own folder."""
        kept = None if self.checkpoints is None else self.checkpoints / refit_folder(part)
        return replace(self, checkpoints=kept, stage=NAMES[part])


def refit_folder(part: str) -> str:
    """Return the name of the folder with the checkpoints of a refit until ``part``.

    Example:
        >>> refit_folder("test")
        'refit-all'
    """
    return f"refit-{NAMES[part]}"
