import pytest
import torch

from mmrec.interest import LinearRecurrentInterest
from mmrec.interest.linear import scan


@pytest.mark.parametrize("steps", [1, 2, 7, 16])
def test_the_scan_is_the_recurrence(steps):
    torch.manual_seed(0)
    inputs = torch.randn(2, steps, 3, dtype=torch.complex128)
    rate = torch.complex(-torch.rand(3).double(), torch.randn(3).double())
    memory, expected = torch.zeros(2, 3, dtype=torch.complex128), []
    for t in range(steps):
        memory = memory * rate.exp() + inputs[:, t]
        expected.append(memory)
    torch.testing.assert_close(scan(inputs, rate), torch.stack(expected, dim=1))


def test_gradients_of_the_scan():
    inputs = torch.randn(1, 4, 2, dtype=torch.complex128, requires_grad=True)
    rate = torch.complex(-torch.rand(2).double(), torch.rand(2).double()).requires_grad_()
    assert torch.autograd.gradcheck(scan, (inputs, rate))


def test_the_memory_fades_and_stays_bounded():
    model = LinearRecurrentInterest(4).eval()
    rate = model.blocks[0]._log_rate().exp().abs()
    assert ((rate > 0.79) & (rate < 0.991)).all()
    states = model(torch.ones(1, 2000, 4), torch.ones(1, 2000, dtype=torch.bool))
    assert states.isfinite().all()


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="positive dim"):
        LinearRecurrentInterest(0)
