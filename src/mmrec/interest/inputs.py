"""The inputs of an interest model: an event's item, its type and the time since the last event."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmrec.cpu import Dropout
from mmrec.layers import Size, check_shape

# log1p(one day in seconds): scales a time gap so that a day is 1 and a year 1.5.
DAY = 11.366754


class EventInputs(nn.Module):
    """Adds an event's type and the time since the previous event to the vector of its item.

    Args:
        dim: width of an item vector, D.
        dropout: probability that an element of an item vector is dropped in training.
        time_gap: whether the seconds since the user's previous event are an input.
        gap_dropout: the probability that a history is trained with unknown times.
        num_event_types: number of known event types; 0 for events without a type.
        negative_types: event types that say no. The vectors of their items are scaled by a learned
            factor that starts at -1, so that such an event moves the interest away from the item
            before anything is learned.

    Example:
        >>> inputs = EventInputs(4, time_gap=True).eval()
        >>> unknown = torch.tensor([-1.0])
        >>> bool((inputs(torch.ones(1, 4), unknown, None) == 1).all())
        True
    """

    def __init__(
        self,
        dim: int,
        *,
        dropout: float = 0.0,
        time_gap: bool = False,
        gap_dropout: float = 0.1,
        num_event_types: int = 0,
        negative_types: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        negative_types = negative_types or ()
        if not all(1 <= number <= num_event_types for number in negative_types):
            raise ValueError(
                f"negative_types must be from 1 to num_event_types, {num_event_types}; "
                f"got {list(negative_types)}"
            )
        self.dim, self.gap_dropout = dim, gap_dropout
        self.dropout = Dropout(dropout)
        self.gap = nn.Linear(1, dim) if time_gap else None
        # Row 0 stays zero: an event of unknown type is represented by its item alone.
        self.event_type = (
            nn.Embedding(num_event_types + 1, dim, padding_idx=0) if num_event_types else None
        )
        self.sign = None
        if negative_types:
            sign = torch.ones(num_event_types + 1, dim)
            sign[list(negative_types)] = -1
            self.sign = nn.Parameter(sign)
        # Both are added to item vectors, so they start small compared to them.
        if self.gap is not None:
            nn.init.normal_(self.gap.weight, std=0.02)
            nn.init.zeros_(self.gap.bias)
        if self.event_type is not None:
            nn.init.normal_(self.event_type.weight[1:], std=0.02)

    def forward(
        self,
        vectors: Float[Tensor, "*batch D"],
        gap: Float[Tensor, "*batch"] | None,
        event_type: Int[Tensor, "*batch"] | None,
    ) -> Float[Tensor, "*batch D"]:
        """Return an event's item, type and time gap as one vector.

        Raises:
            ValueError: a gap or type is needed and missing.
        """
        inputs: Tensor = self.dropout(vectors)
        if self.sign is not None and event_type is not None:
            inputs = inputs * F.embedding(event_type, self.sign)
        if self.gap is not None:
            if gap is None:
                raise ValueError("an interest with time_gap=True expects gap in seconds; got None")
            days = (gap.clamp(min=0).log1p() / DAY).to(self.gap.weight.dtype)
            timed: Tensor = self.gap(days.unsqueeze(-1))
            inputs = inputs + timed.masked_fill((gap < 0).unsqueeze(-1), 0)
        if self.event_type is not None:
            if event_type is None:
                raise ValueError("an interest with num_event_types expects event_type; got None")
            inputs = inputs + self.event_type(event_type)
        return inputs

    def of_histories(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None,
        event_type: Int[Tensor, "B T"] | None,
    ) -> Float[Tensor, "B T D"]:
        """Return the inputs of whole histories; padding reaches no value and no gradient.

        Raises:
            ValueError: shapes disagree, or a row is padded on the left.
        """
        return self.with_gaps(vectors, mask, gap, event_type)[0]

    def with_gaps(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None,
        event_type: Int[Tensor, "B T"] | None,
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B T"] | None]:
        """Return :meth:`of_histories`, and the gaps that are in it: some are dropped in training.

        Raises:
            ValueError: shapes disagree, or a row is padded on the left.
        """
        check_shape("the interest expects item vectors", vectors, ("batch", "time", self.dim))
        places = vectors.shape[:2]
        check_shape("the interest expects a mask", mask, places, dtype=torch.bool)
        _check_context(places, gap, event_type)
        if (mask[:, 1:] & ~mask[:, :-1]).any():
            raise ValueError(
                "the interest expects padding on the right; got a mask with False first"
            )
        vectors = vectors.masked_fill(~mask.unsqueeze(-1), 0)
        gap = None if gap is None else self._drop_gaps(gap.masked_fill(~mask, 0))
        event_type = None if event_type is None else event_type.masked_fill(~mask, 0)
        inputs: Tensor = self(vectors, gap, event_type)
        return inputs, gap

    def of_events(
        self,
        users: Size,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"] | None,
        event_type: Int[Tensor, " B"] | None,
    ) -> Float[Tensor, "B D"]:
        """Return the inputs of one event of each of ``users`` users.

        Raises:
            ValueError: shapes disagree.
        """
        check_shape("a step expects item vectors", vectors, (users, self.dim))
        _check_context(vectors.shape[:1], gap, event_type)
        inputs: Tensor = self(vectors, gap, event_type)
        return inputs

    def _drop_gaps(self, gap: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
        """In training, make all gaps of some histories unknown."""
        if not self.training or self.gap is None or self.gap_dropout == 0:
            return gap
        dropped = torch.rand(len(gap), 1, device=gap.device) < self.gap_dropout
        return gap.masked_fill(dropped, -1)


def _check_context(places: Sequence[Size], gap: Tensor | None, event_type: Tensor | None) -> None:
    for name, given in (("gap", gap), ("event_type", event_type)):
        if given is not None:
            check_shape(f"the interest expects {name}", given, places)
