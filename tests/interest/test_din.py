import numpy as np
import pytest
import torch

from mmrec.interest import DINInterest, Interest, SteppingInterest, TargetAwareInterest
from mmrec.interest.mean import MeanInterest


def given(users=3, steps=5, candidates=4, dim=6):
    torch.manual_seed(1)
    mask = torch.arange(steps) < torch.tensor([steps, 2, 0][:users])[:, None]
    return torch.randn(users, candidates, dim), torch.randn(users, steps, dim), mask


def by_hand(model, candidate, events):
    """Equation 3 of the paper, an event at a time, with one matrix of all four inputs."""
    event, other, product = (
        layer.weight.detach().numpy() for layer in (model.event, model.candidate, model.product)
    )
    bias = model.event.bias.detach().numpy()
    rate = model.activation.weight.item()
    out, shift = model.weight.weight.detach().numpy()[0], model.weight.bias.item()
    # The difference has a share of both layers: W e + W' c = (W - D) e + (W' + D) c + D (e - c).
    difference = np.full_like(event, 0.3)
    matrix = np.concatenate([event - difference, other + difference, difference, product], axis=1)
    total = np.zeros_like(candidate)
    for e in events:
        hidden = matrix @ np.concatenate([e, candidate, e - candidate, e * candidate]) + bias
        total += (out @ np.where(hidden > 0, hidden, rate * hidden) + shift) * e
    return total


def test_the_formula_by_hand():
    model = DINInterest(6, hidden=5).double().eval()
    candidates, events, mask = given()
    interest = model.toward(candidates.double(), events.double(), mask).detach().numpy()
    for row, length in enumerate(mask.sum(1)):
        for n in range(4):
            expected = by_hand(
                model, candidates[row, n].double().numpy(), events[row, :length].double().numpy()
            )
            np.testing.assert_allclose(interest[row, n], expected, atol=1e-12)
    assert not interest[2].any()  # no events


def test_many_candidates_are_looked_at_in_parts(monkeypatch):
    model = DINInterest(6).double().eval()
    candidates, events, mask = given(candidates=9)
    whole = model.toward(candidates.double(), events.double(), mask)
    sizes = []
    model.product.register_forward_hook(lambda _, inputs, __: sizes.append(inputs[0].shape[:3]))
    for bound, counts in ((60, [4, 4, 1]), (1, [1] * 9), (10**6, [9])):
        monkeypatch.setattr("mmrec.interest.din.PAIRS", bound, raising=False)
        sizes.clear()
        torch.testing.assert_close(
            model.toward(candidates.double(), events.double(), mask), whole, rtol=0, atol=1e-14
        )
        assert [size[1] for size in sizes] == counts
    assert model.toward(candidates[:, :0].double(), events.double(), mask).shape == (3, 0, 6)


def test_its_type_says_that_it_can_not_step():
    model = DINInterest(4)
    assert isinstance(model, TargetAwareInterest)
    assert not isinstance(model, SteppingInterest)
    assert not isinstance(MeanInterest(4), TargetAwareInterest)
    with pytest.raises(NotImplementedError):  # it is no Interest: there is no interest of its own
        model(torch.zeros(1, 1, 4), torch.ones(1, 1, dtype=torch.bool), None, None)
    assert isinstance(MeanInterest(4), Interest)


def test_padding_other_candidates_and_other_users_change_nothing():
    model = DINInterest(6).eval()
    candidates, events, mask = given()
    found = model.toward(candidates, events, mask)
    spoilt = events.masked_fill(~mask.unsqueeze(-1), torch.nan)
    torch.testing.assert_close(model.toward(candidates, spoilt, mask), found)
    other = candidates.clone()
    other[:, 1] = torch.nan
    torch.testing.assert_close(model.toward(other, events, mask)[:, [0, 2, 3]], found[:, [0, 2, 3]])
    order = [2, 0, 3, 1]
    torch.testing.assert_close(model.toward(candidates[:, order], events, mask), found[:, order])
    alone = model.toward(candidates[:1], events[:1], mask[:1])
    torch.testing.assert_close(alone, found[:1])


def test_gradients():
    model = DINInterest(3, hidden=4, time_gap=True, num_event_types=2).double().eval()
    candidates, events, mask = given(dim=3)
    gap, types = torch.rand(3, 5).double(), torch.randint(0, 3, (3, 5))
    inputs = candidates.double().requires_grad_(), events.double().requires_grad_()
    call = lambda c, e: model.toward(c, e, mask, gap, types)  # noqa: E731
    assert torch.autograd.gradcheck(call, inputs)
    call(*inputs).sin().sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in model.parameters())
    assert not inputs[1].grad[~mask].any()


def test_a_gap_that_is_needed():
    candidates, events, mask = given()
    with pytest.raises(ValueError, match="expects gap in seconds; got None"):
        DINInterest(6, time_gap=True).toward(candidates, events, mask)


@pytest.mark.usefixtures("unchecked")
def test_wrong_shapes_are_refused():
    candidates, events, mask = given()
    with pytest.raises(ValueError, match=r"candidates of shape \(3, candidates, 6\); got \(2, 4"):
        DINInterest(6).toward(candidates[:2], events, mask)
    with pytest.raises(ValueError, match="DINInterest expects positive dim and hidden; got 6 and"):
        DINInterest(6, hidden=0)
