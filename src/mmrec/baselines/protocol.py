"""The contract of a baseline."""

from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from mmrec.data import Histories, Sequences


class Baseline(Protocol):
    """Something simple that scores the catalogue, to compare a model with."""

    def fit(self, events: Sequences, catalog_size: int) -> "Baseline":
        """Learn from events, and return self."""
        ...

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index; higher is better."""
        ...
