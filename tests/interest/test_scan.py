import pytest
import torch

from mmrec.interest.linear import scan


@pytest.mark.parametrize("steps", [0, 1, 2, 7, 16])
def test_the_scan_is_the_recurrence(steps):
    torch.manual_seed(0)
    inputs = torch.randn(2, steps, 3, dtype=torch.complex128)
    rate = torch.complex(-torch.rand(3).double(), torch.randn(3).double())
    memory, expected = torch.zeros(2, 3, dtype=torch.complex128), []
    for t in range(steps):
        memory = memory * rate.exp() + inputs[:, t]
        expected.append(memory)
    torch.testing.assert_close(
        scan(inputs, rate), torch.stack(expected, dim=1) if steps else inputs
    )


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_gradients_of_the_scan(steps):
    inputs = torch.randn(2, steps, 2, dtype=torch.complex128, requires_grad=True)
    rate = torch.complex(-torch.rand(2).double(), torch.rand(2).double()).requires_grad_()
    assert torch.autograd.gradcheck(scan, (inputs, rate))


def test_the_inputs_stay_as_they_are():
    inputs = torch.randn(2, 5, 3, dtype=torch.complex64)
    before = inputs.clone()
    scan(inputs, torch.full((3,), -0.1 + 0.2j))
    assert torch.equal(inputs, before)
