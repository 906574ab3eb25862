from inspect import unwrap

import pytest
import torch
from torch.autograd import gradcheck

from mmrec.interest import RequestTime
from mmrec.interest.request import KNOTS


def trained(dim=3):
    torch.manual_seed(0)
    request = RequestTime(dim).eval()
    torch.nn.init.normal_(request.table)
    return request


def test_nothing_changes_before_training_and_for_unknown_times():
    interest = torch.randn(2, 3)
    assert torch.equal(RequestTime(3).eval()(interest, torch.tensor([0.0, 1e9])), interest)
    assert torch.equal(trained()(interest, torch.tensor([-1.0, -5.0])), interest)


def test_it_is_linear_between_knots_and_constant_beyond():
    request = trained()
    interest = torch.ones(1, 3)

    def at(seconds):
        with torch.no_grad():
            return request(interest, torch.tensor([seconds]))[0]

    scale, shift = request.table.detach().chunk(2, dim=1)
    for knot, seconds in enumerate(KNOTS):
        assert torch.allclose(at(seconds), 1 + scale[knot] + shift[knot], atol=1e-4)
    between = at((KNOTS[0] * KNOTS[1]) ** 0.5)
    assert torch.allclose(between, (at(KNOTS[0]) + at(KNOTS[1])) / 2, atol=1e-4)
    assert torch.equal(at(0.0), at(KNOTS[0]))
    assert torch.allclose(at(1e12), at(KNOTS[-1]))


def test_gradients_are_finite_and_reach_the_table():
    request = RequestTime(2, unknown=0.0).train()
    request(torch.randn(5, 2), torch.tensor([0.0, 30.0, 1e3, 1e9, -1.0])).sum().backward()
    assert torch.isfinite(request.table.grad).all()
    assert (request.table.grad != 0).any()


def test_each_row_is_changed_alone_and_by_its_own_time():
    request = trained()
    interest, since = torch.randn(4, 3), torch.tensor([5.0, 4000.0, -1.0, 1e7])
    alone = [request(interest[row : row + 1], since[row : row + 1]) for row in range(4)]
    torch.testing.assert_close(request(interest, since), torch.cat(alone))
    assert request(interest[:0], since[:0]).shape == (0, 3)


def test_gradients_of_the_interest():
    request, interest = trained().double(), torch.randn(3, 3, dtype=torch.float64)
    since = torch.tensor([30.0, 7e3, -1.0], dtype=torch.float64)
    assert gradcheck(lambda x: request(x, since), (interest.requires_grad_(),))


def test_some_rows_are_trained_without_a_time():
    request = RequestTime(1, unknown=0.5).train()
    torch.nn.init.ones_(request.table)
    moved = request(torch.ones(1000, 1), torch.full((1000,), 60.0)) != 1
    assert 400 < int(moved.sum()) < 600


def test_wrong_input():
    with pytest.raises(ValueError, match="interest_dim must be 1 or more; got 0"):
        RequestTime(0)
    with pytest.raises(ValueError, match="a request expects"):
        unwrap(RequestTime.forward)(RequestTime(3), torch.randn(2, 3), torch.zeros(3))
