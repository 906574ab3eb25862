import pytest
import torch

from mmrec.interest import EventInputs


def test_item_type_and_time_are_added():
    inputs = EventInputs(3, time_gap=True, num_event_types=2).eval()
    vectors, gap, event_type = (
        torch.randn(4, 3),
        torch.tensor([0.0, 60.0, 86400.0, -1.0]),
        torch.arange(4) % 3,
    )
    expected = vectors.clone()
    for row in range(4):
        expected[row] += inputs.event_type.weight[event_type[row]]
        if gap[row] >= 0:
            days = torch.log1p(gap[row]) / torch.log1p(torch.tensor(86400.0))
            expected[row] += inputs.gap.weight[:, 0] * days + inputs.gap.bias
    torch.testing.assert_close(inputs(vectors, gap, event_type), expected, atol=1e-6, rtol=1e-5)


def test_without_context_it_is_the_item():
    vectors = torch.randn(2, 3)
    assert torch.equal(EventInputs(3)(vectors, None, None), vectors)


def test_some_histories_train_without_times():
    inputs = EventInputs(2, time_gap=True, gap_dropout=0.5)
    torch.nn.init.ones_(inputs.gap.weight)
    torch.manual_seed(0)
    zeros, mask = torch.zeros(1000, 2, 2), torch.ones(1000, 2, dtype=torch.bool)
    timed = inputs.of_histories(zeros, mask, torch.full((1000, 2), 86400.0), None)
    known = (timed != 0).all(-1)
    assert (known[:, 0] == known[:, 1]).all()  # a history has all of its times, or none
    assert 0.4 < known[:, 0].float().mean() < 0.6
    evaluated = inputs.eval().of_histories(zeros, mask, torch.full((1000, 2), 86400.0), None)
    assert (evaluated != 0).all()


def test_wrong_histories_are_refused():
    inputs = EventInputs(2)
    mask = torch.tensor([[False, True]])
    with pytest.raises(ValueError, match="padding on the right"):
        inputs.of_histories(torch.zeros(1, 2, 2), mask, None, None)
    with pytest.raises(ValueError, match=r"vectors of shape \(batch, time, 2\); got \(1, 2, 3\)"):
        inputs.of_histories(torch.zeros(1, 2, 3), mask.flip(1), None, None)
