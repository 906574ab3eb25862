"""The clauses of an interest model, on a tiny one with one defect each."""

import re
from typing import NamedTuple

import pytest
import torch
from torch import nn

from mmrec.testing import ContractError, check_interest


class Mean(nn.Module):
    """The mean of a history, after a layer."""

    def __init__(self, dim):
        super().__init__()
        self.dim = self.interest_dim = dim
        self.out = nn.Linear(dim, dim)

    def forward(self, vectors, mask, gap=None, event_type=None):
        vectors = vectors.masked_fill(~mask.unsqueeze(-1), 0)
        return self.out(vectors.cumsum(1) / mask.cumsum(1).clamp(min=1).unsqueeze(-1))


class Fading(Mean):
    """An interest that is kept up event by event, and the last one alone."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        state, states = torch.zeros_like(vectors[:, 0]), []
        for step in range(vectors.shape[1]):
            real = mask[:, step].unsqueeze(-1)
            state = (0.5 * state + vectors[:, step].masked_fill(~real, 0)).where(real, state)
            states.append(self.out(state))
        return torch.stack(states, dim=1)

    def last(self, vectors, mask, gap=None, event_type=None):
        states = self(vectors, mask)
        rows = torch.arange(len(states))
        return states[rows, (mask.sum(1) - 1).clamp(min=0)]

    def initial_state(self, batch_size):
        return self.out.weight.new_zeros(batch_size, self.dim)

    def step(self, state, vectors, gap=None, event_type=None):
        return 0.5 * state + vectors

    def readout(self, state):
        return self.out(state)


class Unmasked(Mean):
    def forward(self, vectors, mask, gap=None, event_type=None):
        return self.out((vectors * mask.unsqueeze(-1)).cumsum(1))


class OfTypes(Mean):
    """Counts the types of padding."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors, mask) + event_type.sum(1).view(-1, 1, 1)


class LeftPadded(Mean):
    def forward(self, vectors, mask, gap=None, event_type=None):
        if vectors.shape[1] == 1:
            return super().forward(vectors, mask)[:, 0]
        return super().forward(vectors, mask)


class Seeing(Mean):
    """Reads the whole history at each event."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        vectors = vectors.masked_fill(~mask.unsqueeze(-1), 0)
        mean = vectors.sum(1, keepdim=True) / mask.sum(1).clamp(min=1).view(-1, 1, 1)
        return super().forward(vectors, mask) + mean


class KnowingTheNextGap(Mean):
    def forward(self, vectors, mask, gap=None, event_type=None):
        gap = gap.masked_fill(~mask, 0).clamp(min=0).log1p()
        following = torch.nn.functional.pad(gap[:, 1:], (0, 1))
        return super().forward(vectors, mask) + following.unsqueeze(-1)


class NeedingGaps(Mean):
    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors, mask) * (gap.masked_fill(~mask, 0) >= 0).unsqueeze(-1)


class NeedingTypes(Fading):
    """Takes a step with a type alone."""

    def step(self, state, vectors, gap=None, event_type=None):
        return super().step(state, vectors * (event_type >= 0).unsqueeze(-1))


class Refusing(Mean):
    """Says that it needs gaps."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        if gap is None:
            raise ValueError("expected gap in seconds; got None")
        return super().forward(vectors, mask)


class FirstAsLast(Fading):
    def last(self, vectors, mask, gap=None, event_type=None):
        return self(vectors, mask)[:, 0]


class Slower(Fading):
    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors / 2, mask)


class Overwriting(Fading):
    def step(self, state, vectors, gap=None, event_type=None):
        return state.mul_(0.5).add_(vectors)


class Listed(Fading):
    def initial_state(self, batch_size):
        return [super().initial_state(batch_size)]


class Pair(NamedTuple):
    both: torch.Tensor
    count: int


class Counting(Fading):
    """A state that holds a number beside a tensor."""

    def initial_state(self, batch_size):
        return Pair(super().initial_state(batch_size), 0)


class Forgetful(Fading):
    """Its state becomes another type."""

    def step(self, state, vectors, gap=None, event_type=None):
        return (super().step(state, vectors),)

    def readout(self, state):
        return self.out(state if isinstance(state, torch.Tensor) else state[0])


class Greeting(Fading):
    """Has another interest for users without events when it is live."""

    def readout(self, state):
        none = ~state.any(dim=1, keepdim=True)
        return super().readout(state) + none.to(state)

    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors, mask).where(mask.any(dim=1).view(-1, 1, 1), 0)


class Widthless(Mean):
    def __init__(self, dim):
        super().__init__(dim)
        del self.interest_dim


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (Widthless, "Widthless breaks 'attributes': expected interest_dim, a whole number"),
        (
            LeftPadded,
            "breaks 'one event': expected a tensor of shape (5, 1, 8) of 5 users with",
        ),
        (
            Unmasked,
            "breaks 'padding': expected a gradient of 'out.weight' that does not depend on what "
            "lies in padding, here nan; got NaN or infinity",
        ),
        (OfTypes, "breaks 'padding': expected an output that does not depend on what lies in"),
        (
            Seeing,
            "breaks 'causality': expected that events from number 2 on change no earlier interest; "
            "got a difference of",
        ),
        (KnowingTheNextGap, "breaks 'causality': expected that events from number 2 on change no"),
        (NeedingGaps, "breaks 'no context': expected an output without gap, or a ValueError"),
        (NeedingTypes, "breaks 'no context': expected no error; got TypeError: '>=' not supported"),
        (FirstAsLast, "breaks 'last': expected that of forward after the last event, or in the"),
        (Listed, "breaks 'state': expected a state that is a tensor or a named tuple of tensors"),
        (Counting, "breaks 'state': expected a state that is a tensor or a named tuple of tensors"),
        (Forgetful, "breaks 'state': expected a Tensor after a step; got tuple"),
        (Overwriting, "breaks 'state': expected that a step leaves the state before it as it was"),
        (Slower, "breaks 'step': expected that folding step and reading out equals forward; got a"),
        (Greeting, "breaks 'no events': expected the interest of initial_state where forward has"),
    ],
)
def test_a_defect_is_found(part, sentence):
    with pytest.raises(ContractError, match=re.escape(sentence)):
        check_interest(part)


def test_a_part_may_refuse_a_history_without_gaps():
    assert "no context" in check_interest(Refusing)


def test_clauses_of_what_a_part_does_not_have_are_skipped():
    assert "step" not in check_interest(Mean)
    assert {"last", "state", "step", "no events"} < set(check_interest(Fading))
