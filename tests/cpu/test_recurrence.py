"""The recurrence against PyTorch's own GRU."""

import pytest
import torch
from torch import nn

from mmrec.cpu.recurrence import faster_recurrence, recurrent_states
from mmrec.interest import GRUInterest

SIZES = [(7, 5, 6, 4), (1, 3, 4, 8), (4, 1, 2, 2)]


@pytest.mark.parametrize(("steps", "users", "dim", "width"), SIZES)
def test_states_and_gradients_are_those_of_pytorch(steps, users, dim, width):
    torch.manual_seed(0)
    gru = nn.GRU(dim, width).double()
    inputs = torch.randn(steps, users, dim, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(steps, users, width, dtype=torch.float64)
    results = []
    for states in (recurrent_states(gru, 0, inputs), gru(inputs)[0]):
        given = [inputs, *gru.parameters()]
        results.append([states.detach(), *torch.autograd.grad((states * weights).sum(), given)])
    for own, expected in zip(*results, strict=True):
        torch.testing.assert_close(own, expected)


@pytest.mark.parametrize("layers", [1, 2])
def test_an_interest_trains_as_with_pytorch(monkeypatch, layers):
    interest = GRUInterest(6, layers=layers, time_gap=True, gap_dropout=0.0)
    vectors, gap = torch.randn(4, 9, 6), torch.rand(4, 9) * 1000
    mask = torch.arange(9) < torch.tensor([[9], [3], [1], [0]])
    results = []
    for faster in (True, False):
        monkeypatch.setattr("mmrec.interest.gru.faster_recurrence", lambda *given, on=faster: on)
        interest.zero_grad()
        states = interest(vectors, mask, gap)
        states.square().sum().backward()
        results.append([states.detach(), *(p.grad.clone() for p in interest.parameters())])
    for own, expected in zip(*results, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-4, atol=1e-5)


def test_it_is_for_training_in_float32_on_a_cpu():
    gru, inputs = nn.GRU(2, 2), torch.zeros(1, 1, 2)
    assert faster_recurrence(gru, inputs)
    assert not faster_recurrence(gru, inputs.bfloat16())
    assert not faster_recurrence(gru, torch.zeros(1, 1, 2, device="meta"))
    with torch.no_grad():
        assert not faster_recurrence(gru, inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not faster_recurrence(gru, inputs)
    assert not faster_recurrence(gru.requires_grad_(False), inputs)
