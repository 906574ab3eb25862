"""The contract of a modality, which reads columns of a catalogue and makes an encoder for them."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import nn

from mmrec.data import Catalog, RawSource, Sequences, Source
from mmrec.encoders import Encoder

HiddenCache = Literal["auto", "off", "float32", "float16"]

KeptStates = tuple[RawSource, dict[int, str]]
"""A source of states of frozen layers, and why values are left out, by row."""

Facts = Mapping[str, Any]
"""What a RUN keeps of a modality besides its arguments: plain JSON values."""


@dataclass(frozen=True)
class Context:
    """Settings for :meth:`Modality.prepare`.

    Attributes:
        dim: width of item vectors and of encoders that are embeddings.
        trained: catalogue indices of the items with training events.
        cache: folder in which the features of frozen encoders and layers are kept, or None for
            memory.
        device: where frozen encoders run.
        progress: whether to show progress bars.
        events: the training events, from which a graph of items is counted; None for what has none.
        before: the facts of the recommender that is updated, or None.
        loaded: frozen encoders that an earlier modality of the catalogue has loaded.
        encoded: the catalogue as an earlier stage of the training has encoded it, by modality.
        hidden_cache: whether and how states of frozen layers are kept, see ``Options``.
        states: sources of these states that an earlier stage has made, by modality; None if each
            step runs the frozen layers.
    """

    dim: int
    trained: np.ndarray
    cache: Path | None = None
    device: str | torch.device = "cpu"
    progress: bool = False
    events: Sequences | None = None
    before: Facts | None = None
    loaded: dict[Hashable, Any] = field(default_factory=dict)
    encoded: dict[Hashable, "Prepared"] = field(default_factory=dict)
    hidden_cache: HiddenCache = "off"
    states: dict[Hashable, "KeptStates | None"] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """One modality of a catalogue, ready to train on.

    Attributes:
        source: the inputs of the encoder.
        encoder: part of the model.
        facts: see ``Facts``.
        train_source: the inputs for training, if they differ (augmented images).
        problems: why values are left out, by row.
        cut: number of values that are cut because they are too long.
    """

    source: Source
    encoder: Encoder
    facts: dict[str, Any]
    train_source: Source | None = None
    problems: dict[int, str] = field(default_factory=dict)
    cut: int = 0


@runtime_checkable
class Modality(Protocol):
    """A modality of a recommender.

    The constructor takes plain JSON values, or built encoders. Decorate the class with
    :func:`mmrec.layers.record_init_args`, so that a RUN can make it again.
    """

    @property
    def has_content(self) -> bool:
        """Whether items without events can have the modality; False for ids."""
        ...

    def columns_read(self, facts: Facts) -> tuple[str, ...]:
        """Return the columns that it reads: a change of any other column leaves it as it is."""
        ...

    def prepare(self, catalog: Catalog, context: Context) -> Prepared:
        """Read a catalogue for training.

        Raises:
            ValueError: the catalogue lacks what the modality reads.
        """
        ...

    def rebuild(self, facts: Facts) -> nn.Module:
        """Make the encoder of a RUN again; its weights are loaded later."""
        ...

    def facts_of(self, catalog: Catalog, encoder: nn.Module) -> dict[str, Any]:
        """Return the facts of an encoder of a model that was trained without ``fit``.

        Raises:
            ValueError: they can't be derived from the encoder.
        """
        ...

    def source_of(
        self, items: Catalog, encoder: nn.Module, facts: Facts, slots: np.ndarray
    ) -> tuple[Source, dict[int, str]]:
        """Return the source of further items, and why values are left out, by row.

        Args:
            items: the further items.
            encoder: the model's encoder of this modality.
            facts: what the RUN keeps of this modality.
            slots: position of each item in the id vocabulary, 0 for none, ``(N,)``.

        Raises:
            ValueError: a pretrained encoder isn't the one of the RUN.
            OSError: the encoder or its tokenizer can't be loaded.
        """
        ...


def check_fingerprint(name: str, found: str, facts: Facts, *, built: bool = False) -> None:
    """Raise a ``ValueError`` unless an encoder is the one that a RUN was trained with.

    ``built`` says that the encoder was handed over, so that a RUN does not hold its weights.
    """
    wanted = facts.get("fingerprint")
    if wanted is not None and found != wanted:
        advice = ""
        if built:
            advice = (
                ", an encoder made anew: a RUN does not hold the weights of a frozen one, so hand "
                "over the encoder with its weights, parts=[encoder]"
            )
        raise ValueError(
            f"the {name} encoder must have the fingerprint {wanted[:12]} that the RUN was trained "
            f"with; got {found[:12]}{advice}"
        )
