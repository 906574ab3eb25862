from inspect import unwrap

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from mmrec.interest import GRUInterest


def prefix_mask(lengths, steps):
    return torch.arange(steps) < torch.tensor(lengths).unsqueeze(1)


def events(batch, steps, dim, dtype=torch.float32):
    vectors = torch.randn(batch, steps, dim, dtype=dtype)
    gap = torch.rand(batch, steps, dtype=torch.float64) * 1e6
    gap[:, 0] = 0
    return vectors, gap, torch.randint(0, 4, (batch, steps))


def fold(interest, state, vectors, gap, event_type):
    for t in range(vectors.shape[1]):
        state = interest.step(state, vectors[:, t], gap[:, t], event_type[:, t])
    return state


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 7), min_size=1, max_size=4),
    layers=st.integers(1, 3),
    time_gap=st.booleans(),
    num_event_types=st.sampled_from([0, 3]),
    interest_dim=st.sampled_from([None, 6]),
    cut=st.integers(0, 7),
)
def test_folding_step_equals_forward(lengths, layers, time_gap, num_event_types, interest_dim, cut):
    interest = GRUInterest(
        5,
        interest_dim,
        layers=layers,
        dropout=0.5,
        time_gap=time_gap,
        num_event_types=num_event_types,
    ).eval()
    vectors, gap, event_type = events(len(lengths), max([*lengths, 1]), 5)
    mask = prefix_mask(lengths, vectors.shape[1])
    states = interest(vectors, mask, gap, event_type)
    assert states.shape == (*mask.shape, interest.interest_dim)
    assert (states[~mask] == 0).all()
    for user, length in enumerate(lengths):
        one = slice(user, user + 1)
        state = interest.initial_state(1)
        for t in range(length):
            state = interest.step(state, vectors[one, t], gap[one, t], event_type[one, t])
            assert torch.allclose(interest.readout(state)[0], states[user, t], atol=1e-5)
        # From the middle: the rest of the history on the state of its beginning.
        middle = min(cut, length)
        start = fold(
            interest,
            interest.initial_state(1),
            *(x[one, :middle] for x in (vectors, gap, event_type)),
        )
        rest = fold(interest, start, *(x[one, middle:length] for x in (vectors, gap, event_type)))
        assert torch.allclose(rest, state, atol=1e-5)


def test_states_of_single_users_stack_on_axis_1():
    interest = GRUInterest(4, 3, layers=2).eval()
    vectors = torch.randn(3, 4)
    singles = [interest.step(interest.initial_state(1), vectors[b : b + 1]) for b in range(3)]
    together = interest.step(interest.initial_state(3), vectors)
    assert torch.allclose(torch.cat(singles, dim=1), together, atol=1e-5)
    assert interest.readout(together).shape == (3, 3)


@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 1e30])
def test_garbage_in_padding_changes_nothing(garbage):
    interest = GRUInterest(4, layers=2, time_gap=True, gap_dropout=0.0, num_event_types=3)
    vectors, gap, event_type = events(3, 5, 4)
    mask = prefix_mask([5, 2, 0], 5)
    dirty = vectors.masked_fill(~mask.unsqueeze(-1), garbage).requires_grad_()
    dirty_type = event_type.masked_fill(~mask, 10**6)
    expected = interest(vectors, mask, gap, event_type)
    got = interest(dirty, mask, gap.masked_fill(~mask, garbage), dirty_type)
    assert torch.equal(got, expected)
    (got**2).sum().backward()
    assert dirty.grad.isfinite().all()
    assert (dirty.grad[~mask] == 0).all()
    assert all(p.grad.isfinite().all() for p in interest.parameters())


def test_the_future_changes_no_earlier_interest():
    interest = GRUInterest(4).eval()
    vectors, mask = torch.randn(2, 6, 4), torch.ones(2, 6, dtype=torch.bool)
    changed = vectors.clone()
    changed[:, 3:] = 9.0
    before, after = interest(vectors, mask), interest(changed, mask)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3:], after[:, 3:])


def test_gap_and_type_count_only_where_asked_for():
    vectors, gap, event_type = events(2, 4, 4)
    mask, other = torch.ones(2, 4, dtype=torch.bool), (event_type + 1) % 4
    plain = GRUInterest(4).eval()
    assert torch.equal(plain(vectors, mask, gap, event_type), plain(vectors, mask))
    timed = GRUInterest(4, time_gap=True).eval()
    assert not torch.allclose(timed(vectors, mask, gap), timed(vectors, mask, gap * 100))
    torch.nn.init.ones_(timed.inputs.gap.bias)
    unknown = timed(vectors, mask, torch.full_like(gap, -1))
    assert torch.equal(unknown, timed(vectors, mask, -gap - 1))  # how negative says nothing
    assert not torch.allclose(unknown, timed(vectors, mask, gap * 0))
    typed = GRUInterest(4, num_event_types=3).eval()
    assert not torch.allclose(
        typed(vectors, mask, event_type=event_type),
        typed(vectors, mask, event_type=other),
        atol=1e-4,
    )


def test_some_histories_train_without_their_times():
    vectors, gap, _ = events(400, 2, 4)
    mask = torch.ones(400, 2, dtype=torch.bool)
    interest = GRUInterest(4, time_gap=True, gap_dropout=0.3)
    torch.nn.init.ones_(interest.inputs.gap.bias)
    timeless = interest(vectors, mask, torch.full_like(gap, -1))
    without = (interest(vectors, mask, gap) == timeless).all(-1).all(-1)
    assert 0.2 < without.float().mean() < 0.4
    torch.testing.assert_close(interest.eval()(vectors, mask, -gap - 1), timeless)


def test_unknown_type_adds_nothing_and_is_not_trained():
    typed, plain = GRUInterest(4, num_event_types=3), GRUInterest(4)
    plain.gru.load_state_dict(typed.gru.state_dict())
    vectors, mask = torch.randn(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)
    unknown = torch.zeros(2, 3, dtype=torch.long)
    assert torch.equal(typed(vectors, mask, event_type=unknown), plain(vectors, mask))
    typed(vectors, mask, event_type=unknown).sum().backward()
    assert (typed.inputs.event_type.weight.grad == 0).all()


def test_gradients():
    interest = GRUInterest(3, 2, layers=2, time_gap=True, num_event_types=3).double().eval()
    vectors, gap, event_type = events(2, 3, 3, torch.float64)
    mask = prefix_mask([3, 1], 3)
    assert gradcheck(lambda v: interest(v, mask, gap, event_type), (vectors.requires_grad_(),))
    state = torch.randn(2, 2, 2, dtype=torch.float64, requires_grad=True)
    one = vectors[:, 0].detach().requires_grad_()
    assert gradcheck(lambda s, v: interest.step(s, v, gap[:, 1], event_type[:, 0]), (state, one))


def test_every_parameter_gets_a_gradient_and_dropout_is_off_in_eval():
    interest = GRUInterest(4, layers=2, dropout=0.3, time_gap=True, num_event_types=3)
    vectors, gap, event_type = events(3, 5, 4)
    mask = prefix_mask([5, 3, 1], 5)
    (interest(vectors, mask, gap, event_type) ** 2).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in interest.parameters())
    assert not torch.equal(
        interest(vectors, mask, gap, event_type), interest(vectors, mask, gap, event_type)
    )
    interest.eval()
    assert torch.equal(
        interest(vectors, mask, gap, event_type), interest(vectors, mask, gap, event_type)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bfloat16_autocast_is_finite_and_near(dtype):
    interest = GRUInterest(8, 6, layers=2, time_gap=True, num_event_types=3).eval()
    vectors, gap, event_type = events(2, 4, 8)
    mask = prefix_mask([4, 2], 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = interest(vectors.to(dtype), mask, gap, event_type)
        state = fold(interest, interest.initial_state(2), vectors.to(dtype), gap, event_type)
        folded = interest.readout(state)
    expected = interest(vectors, mask, gap, event_type)
    assert states.isfinite().all()
    assert torch.allclose(states.float(), expected, atol=0.05)
    assert torch.allclose(folded[0].float(), expected[0, 3], atol=0.05)


def test_no_users_and_no_steps():
    interest = GRUInterest(4, 3)
    assert interest(torch.zeros(0, 2, 4), torch.zeros(0, 2, dtype=torch.bool)).shape == (0, 2, 3)
    assert interest(torch.zeros(2, 0, 4), torch.zeros(2, 0, dtype=torch.bool)).shape == (2, 0, 3)


def test_state_dict_round_trip():
    first = GRUInterest(4, 3, time_gap=True, num_event_types=3).eval()
    second = GRUInterest(4, 3, time_gap=True, num_event_types=3).eval()
    second.load_state_dict(first.state_dict())
    vectors, gap, event_type = events(2, 3, 4)
    mask = torch.ones(2, 3, dtype=torch.bool)
    assert torch.equal(
        first(vectors, mask, gap, event_type), second(vectors, mask, gap, event_type)
    )


def test_learns_which_vector_came_first():
    """Order, not content, decides: the class is the first of the two events."""
    torch.manual_seed(0)
    interest, head = GRUInterest(2, 8), torch.nn.Linear(8, 2)
    optimizer = torch.optim.Adam([*interest.parameters(), *head.parameters()], lr=0.05)
    vectors = torch.eye(2)[torch.tensor([[0, 1], [1, 0]])]
    mask = torch.ones(2, 2, dtype=torch.bool)
    for _ in range(60):
        optimizer.zero_grad()
        logits = head(interest(vectors, mask)[:, -1])
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1]))
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


def test_errors():
    vectors, mask = torch.zeros(1, 2, 4), torch.ones(1, 2, dtype=torch.bool)
    with pytest.raises(ValueError, match="expects gap in seconds; got None"):
        GRUInterest(4, time_gap=True)(vectors, mask)
    with pytest.raises(ValueError, match="expects event_type; got None"):
        GRUInterest(4, num_event_types=2)(vectors, mask)
    with pytest.raises(ValueError, match="padding on the right"):
        GRUInterest(4)(vectors, torch.tensor([[False, True]]))
    with pytest.raises(ValueError, match="positive dim, interest_dim and layers"):
        GRUInterest(4, 0)
    with pytest.raises(ValueError, match=r"\(batch, time, 4\); got \(1, 2, 3\)"):
        unwrap(GRUInterest.forward)(GRUInterest(4), vectors[..., :3], mask)
    with pytest.raises(ValueError, match=r"state of shape \(1, users, 4\); got \(1, 4\)"):
        unwrap(GRUInterest.step)(GRUInterest(4), vectors.new_zeros(1, 4), vectors[0])
