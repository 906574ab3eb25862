from inspect import unwrap

import pytest
import torch
from formulas import event_inputs, recurrence
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


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(
    "reads",
    [
        {},
        {"time_gap": True},
        {"num_event_types": 3},
        {"time_gap": True, "num_event_types": 3, "negative_types": [2]},
    ],
)
def test_the_recurrence_by_hand(layers, reads):
    """The formula in NumPy for one history, a layer and an event at a time."""
    torch.manual_seed(0)
    model = GRUInterest(4, 5, layers=layers, **reads).double().eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    if model.inputs.event_type is not None:
        torch.nn.init.zeros_(model.inputs.event_type.weight[0])  # as training leaves it
    vectors, gap, event_type = events(2, 6, 4, torch.float64)
    gap[0, 2] = -1  # unknown
    event_type[0, :4] = torch.arange(4)
    states = model(vectors, prefix_mask([6, 3], 6), gap, event_type)
    for row, length in enumerate([6, 3]):
        given = (part[row, :length].numpy() for part in (vectors, gap, event_type))
        expected = torch.from_numpy(recurrence(model.gru, event_inputs(model.inputs, *given)))
        torch.testing.assert_close(states[row, :length], expected, atol=1e-10, rtol=1e-8)


def test_states_of_single_users_stack_on_axis_1():
    interest = GRUInterest(4, 3, layers=2).eval()
    vectors = torch.randn(3, 4)
    singles = [interest.step(interest.initial_state(1), vectors[b : b + 1]) for b in range(3)]
    together = interest.step(interest.initial_state(3), vectors)
    assert torch.allclose(torch.cat(singles, dim=1), together, atol=1e-5)
    assert interest.readout(together).shape == (3, 3)


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
