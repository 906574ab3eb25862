"""The clauses of an interest model, on a tiny one with one defect each."""

import re
from functools import partial
from typing import NamedTuple

import numpy as np
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
        states = self(vectors, mask, gap, event_type)
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


class OfGaps(Mean):
    """Adds the gaps of padding to those of events."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors, mask) + 0 * gap.sum(1).view(-1, 1, 1)


class LogGap(Mean):
    """Is infinite where a gap is unknown."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors, mask) + gap.log1p().unsqueeze(-1)


class PerGap(Mean):
    """Is infinite where a gap is 0."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors, mask) + (1 / gap).unsqueeze(-1)


class OneTypeTooFew(Mean):
    """Has no row for the last type."""

    def __init__(self, dim, num_event_types):
        super().__init__(dim)
        self.types = nn.Embedding(num_event_types, dim)

    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors + self.types(event_type), mask)


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


class KnowingTheLength(Mean):
    """Divides by the number of all events of a history."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        vectors = vectors.masked_fill(~mask.unsqueeze(-1), 0)
        return self.out(vectors.cumsum(1) / mask.sum(1).clamp(min=1).view(-1, 1, 1))


class Ahead(Mean):
    """Reads the event that is so many places ahead."""

    def __init__(self, dim, by, share=1.0):
        super().__init__(dim)
        self.by, self.share = by, share

    def forward(self, vectors, mask, gap=None, event_type=None):
        real = vectors.masked_fill(~mask.unsqueeze(-1), 0)
        ahead = torch.nn.functional.pad(real, (0, 0, 0, self.by))[:, self.by :]
        return super().forward(vectors, mask) + self.share * ahead


class SeeingInTraining(Seeing):
    def forward(self, vectors, mask, gap=None, event_type=None):
        called = Seeing if self.training else Mean
        return called.forward(self, vectors, mask)


class UnmaskedInTraining(Mean):
    def forward(self, vectors, mask, gap=None, event_type=None):
        called = Unmasked if self.training else Mean
        return called.forward(self, vectors, mask)


class Normalized(Mean):
    """In training its statistics are those of later events too."""

    def __init__(self, dim):
        super().__init__(dim)
        self.norm = nn.BatchNorm1d(dim)

    def forward(self, vectors, mask, gap=None, event_type=None):
        vectors = vectors.masked_fill(~mask.unsqueeze(-1), 0).transpose(1, 2)
        return super().forward(self.norm(vectors).transpose(1, 2), mask)


class Wide(Mean):
    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors, mask).double()


class OwnDraws(Mean):
    """Drops values by random numbers of NumPy."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        states = super().forward(vectors, mask)
        if self.training:
            states = states * torch.from_numpy(np.random.default_rng().random(states.shape)).float()
        return states


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


class WideWhenLive(Fading):
    def readout(self, state):
        return super().readout(state).double()


class Remembering(Fading):
    """Keeps the state in itself."""

    kept = None

    def step(self, state, vectors, gap=None, event_type=None):
        self.kept = super().step(state if self.kept is None else self.kept, vectors)
        return self.kept


class Caching(Mean):
    """Keeps what its first call has made."""

    first = None

    def forward(self, vectors, mask, gap=None, event_type=None):
        states = super().forward(vectors, mask)
        self.first = states.detach() if self.first is None else self.first
        return torch.cat([states, self.first], dim=-1)[..., : self.dim]


class Counted(NamedTuple):
    sums: torch.Tensor
    count: torch.Tensor


class Tiring(Fading):
    """Halves its interest after twelve events when it is live."""

    def initial_state(self, batch_size):
        state = super().initial_state(batch_size)
        return Counted(state, state[:, :1])

    def step(self, state, vectors, gap=None, event_type=None):
        return Counted(super().step(state.sums, vectors), state.count + 1)

    def readout(self, state):
        return super().readout(torch.where(state.count > 12, 0.5, 1.0) * state.sums)


class Recent(Mean):
    """The sum of the last twenty events, or of fewer where it is live."""

    def __init__(self, dim, of_step=20):
        super().__init__(dim)
        self.of_step = of_step

    def forward(self, vectors, mask, gap=None, event_type=None):
        vectors = vectors.masked_fill(~mask.unsqueeze(-1), 0)
        place = torch.arange(vectors.shape[1])
        age = place.unsqueeze(1) - place
        return self.out(((age >= 0) & (age < 20)).to(vectors) @ vectors)

    def initial_state(self, batch_size):
        return self.out.weight.new_zeros(batch_size, self.of_step, self.dim)

    def step(self, state, vectors, gap=None, event_type=None):
        return torch.cat([state[:, 1:], vectors.unsqueeze(1)], 1)

    def readout(self, state):
        return self.out(state.sum(1))


class Absolute(Fading):
    """Takes an unknown gap for one of a second when it is live."""

    def weighted(self, vectors, gap):
        return vectors * (1 + gap.clamp(min=0).log1p().unsqueeze(-1))

    def forward(self, vectors, mask, gap=None, event_type=None):
        vectors = vectors.masked_fill(~mask.unsqueeze(-1), 0)
        return super().forward(self.weighted(vectors, gap.masked_fill(~mask, 0)), mask)

    def step(self, state, vectors, gap=None, event_type=None):
        return super().step(state, self.weighted(vectors, gap.abs()))


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
            "breaks 'one event': expected (B, T, H) floats, here (5, 1, 8); got torch.float32 (5,",
        ),
        (
            Unmasked,
            "breaks 'padding': expected a gradient of 'out.weight' that does not depend on what "
            "lies in padding of vectors, here nan; got NaN or infinity",
        ),
        (
            OfTypes,
            "does not depend on what lies in padding of event_type, here 1; got a difference",
        ),
        (OfGaps, "does not depend on what lies in padding of gap, here nan; got NaN or infinity"),
        (
            LogGap,
            "breaks 'gaps': expected finite interests where a gap is -1, which is unknown; got",
        ),
        (PerGap, "breaks 'gaps': expected finite interests where a gap is 0; got NaN or infinity"),
        (
            OneTypeTooFew,
            "breaks 'event types': expected an output for event types from 0, which is unknown, up "
            "to num_event_types itself, here 1; got IndexError: index out of range in self",
        ),
        (
            Seeing,
            "breaks 'causality': expected that no earlier interest depends on vectors from event 2 "
            "on; got a difference of",
        ),
        (KnowingTheNextGap, "'causality': expected that no earlier interest depends on gap from"),
        (KnowingTheLength, "'causality': expected that no earlier interest depends on mask from"),
        (
            partial(Ahead, by=1, share=1e-5),
            "'causality': expected that no earlier interest depends",
        ),
        (partial(Ahead, by=7), "breaks 'causality': expected that no earlier interest depends on"),
        (partial(Ahead, by=20), "breaks 'causality': expected that no earlier interest depends on"),
        (partial(Ahead, by=40), "breaks 'causality': expected that no earlier interest depends on"),
        (SeeingInTraining, "breaks 'causality in training': expected that no earlier interest"),
        (UnmaskedInTraining, "breaks 'padding in training': expected a gradient of 'out.weight'"),
        (Normalized, "breaks 'causality in training': expected that no earlier interest depends"),
        (
            Wide,
            "'shapes': expected numbers of 5 users in torch.float32, as the inputs; got torch.f",
        ),
        (WideWhenLive, "'state': expected numbers of 5 users in torch.float32, as the inputs; got"),
        (NeedingGaps, "breaks 'no context': expected an output without gap, or a ValueError"),
        (NeedingTypes, "breaks 'no context': expected no error; got TypeError: '>=' not supported"),
        (FirstAsLast, "breaks 'last': expected that of forward after the last event, or in the"),
        (Listed, "breaks 'state': expected a state that is a tensor or a named tuple of tensors"),
        (Counting, "breaks 'state': expected a state that is a tensor or a named tuple of tensors"),
        (Forgetful, "breaks 'state': expected a Tensor after a step; got tuple"),
        (Overwriting, "breaks 'state': expected that a step leaves the state before it as it was"),
        (
            Remembering,
            "breaks 'state': expected the same state after the same step, so that a part keeps no "
            "state in itself; got another state",
        ),
        (
            Caching,
            "breaks 'shapes': expected that a part keeps nothing of one call for the next; got "
            "RuntimeError in a later call, and none in a first one: Sizes of tensors",
        ),
        (Tiring, "breaks 'step': expected that folding step and reading out equals forward; got a"),
        (partial(Recent, of_step=10), "breaks 'step': expected that folding step and reading out"),
        (Absolute, "breaks 'step': expected that folding step and reading out equals forward; got"),
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


def test_a_step_that_reads_what_forward_reads_passes():
    assert "step" in check_interest(Recent)


def test_a_part_with_draws_of_its_own_is_not_checked_in_training():
    with pytest.warns(UserWarning, match="OwnDraws draws other random numbers than those of torch"):
        checked = check_interest(OwnDraws)
    assert "causality" in checked
    assert "causality in training" not in checked
    assert "causality in training" in check_interest(Mean)


class Flat(Mean):
    """Returns the last interest alone."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors, mask)[:, -1]


class WithState(Mean):
    """Returns a state beside the interests, as nn.GRU does."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        return super().forward(vectors, mask), vectors[:, -1]


class Kept(Mean):
    """Keeps what it gets under the name of a method."""

    def forward(self, vectors, mask, gap=None, event_type=None):
        self.last = vectors
        return super().forward(vectors, mask)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Flat, "expected (B, T, H) floats, here (5, 7, 8); got torch.float32 (5, 8)"),
        (WithState, "expected (B, T, H) floats, here (5, 7, 8); got tuple"),
        (Kept, "expected a method last, or nothing of that name; got Tensor, an attribute"),
    ],
)
def test_another_form_is_said_of_a_usual_batch(part, said):
    with pytest.raises(ContractError, match=re.escape(f"{part.__name__} breaks 'shapes': {said}")):
        check_interest(part)
