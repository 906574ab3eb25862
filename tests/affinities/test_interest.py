import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.affinities import AffinityInterest, SteppingAffinityInterest
from mmrec.interest import GRUInterest, LinearRecurrentInterest, SelfAttentionInterest

INTERESTS = {
    "gru": lambda: GRUInterest(4, interest_dim=3, num_event_types=2, negative_types=[2]),
    "lru": lambda: LinearRecurrentInterest(4),
    "attention": lambda: SelfAttentionInterest(4, window=6, heads=1),
}


def made(name="gru", **more):
    torch.manual_seed(0)
    interest = SteppingAffinityInterest(INTERESTS[name](), [3, 2], decay=0.7, **more).eval()
    interest.weights.copy_(torch.tensor([2.0, 0.5]))
    return interest


def loop(interest, vectors, types, length):
    """The weighted directions after `length` events, by the formula."""
    start, found = 4, []
    for width, weight in zip([3, 2], [2.0, 0.5], strict=True):
        total = torch.zeros(width)
        for t in range(length):
            sign = -1 if int(types[t]) in interest.negative_types else 1
            direction = vectors[t, start : start + width]
            total += sign * 0.7 ** (length - 1 - t) * direction / direction.norm()
        found.append(weight * total / total.norm().clamp(min=1e-12))
        start += width
    return torch.cat(found)


@pytest.mark.parametrize("name", INTERESTS)
@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=3), seed=st.integers(0, 99))
def test_forward_last_and_steps_give_what_the_formula_gives(name, lengths, seed):
    torch.manual_seed(seed)
    interest = made(name, negative_types=(2,))
    batch, steps = len(lengths), max(1, *lengths)
    vectors, gap = torch.randn(batch, steps, 9), torch.zeros(batch, steps)
    types = torch.randint(0, 3, (batch, steps))
    mask = torch.arange(steps) < torch.tensor(lengths)[:, None]
    with torch.no_grad():
        after = interest(vectors, mask, gap, types)
        last = interest.last(vectors, mask, gap, types)
        for row, length in enumerate(lengths):
            state = interest.initial_state(1)
            for t in range(length):
                event = slice(row, row + 1), t
                state = interest.step(state, vectors[event], gap[event], types[event])
            read = interest.readout(state)[0]
            if not length:
                assert not last[row].any()
                continue
            torch.testing.assert_close(last[row], read, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(after[row, length - 1], read, atol=1e-5, rtol=1e-4)
            expected = loop(interest, vectors[row], types[row], length)
            torch.testing.assert_close(read[-5:], expected, atol=1e-5, rtol=1e-4)
    assert not after[~mask].any()


@pytest.mark.parametrize("value", [1e6, torch.nan, torch.inf])
def test_values_of_padding_change_nothing(value):
    interest, vectors = made(), torch.randn(1, 3, 9)
    mask, zeros = torch.tensor([[True, True, False]]), torch.zeros(1, 3)
    other = vectors.clone()
    other[0, 2] = value
    with torch.no_grad():
        for read in (interest, interest.last):
            given, spoilt = (read(v, mask, zeros, zeros.long()) for v in (vectors, other))
            assert torch.equal(given, spoilt)


def test_features_of_a_user_have_no_direction():
    interest = made()
    narrow = torch.randn(1, 4)
    state = interest.step(interest.initial_state(1), narrow, torch.zeros(1), torch.zeros(1).long())
    assert not interest.readout(state)[:, -5:].any()


def test_other_widths_are_refused():
    with pytest.raises(ValueError, match="item vectors of width 9; got 7"):
        made()(torch.randn(1, 2, 7), torch.ones(1, 2).bool())


def test_an_interest_without_steps_has_none():
    interest = AffinityInterest(GRUInterest(4), [2])
    assert not hasattr(interest, "step")
    assert (interest.dim, interest.interest_dim, interest.window) == (6, 6, None)
