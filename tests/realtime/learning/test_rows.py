import pytest
import torch

from mmrec.realtime.learning.rows import RowAdagrad


def test_it_is_adagrad_where_a_row_is_one_number():
    table = torch.randn(4, 1)
    reference = torch.nn.Parameter(table.clone())
    adagrad = torch.optim.Adagrad([reference], lr=0.1, initial_accumulator_value=0.5, eps=0.0)
    rows = RowAdagrad(table.clone(), lr=0.1, start=0.5)
    for _ in range(5):
        gradient = torch.randn(4, 1)
        reference.grad = gradient
        adagrad.step()
        rows.step(torch.arange(4), gradient)
    torch.testing.assert_close(rows.table, reference.detach())


def test_other_rows_stay_and_new_ones_start_fresh():
    rows = RowAdagrad(torch.ones(3, 2), lr=0.1)
    rows.step(torch.tensor([2]), torch.ones(1, 2))
    assert torch.equal(rows.table[:2], torch.ones(2, 2))
    rows.append(torch.full((2, 2), 7.0))
    assert rows.table.shape == (5, 2)
    assert rows.sums[3] == rows.sums[0] != rows.sums[2]


def test_columns_without_gradients_stay():
    rows, alone = RowAdagrad(torch.ones(3, 3), lr=0.1), RowAdagrad(torch.ones(3, 2), lr=0.1)
    for one in (rows, alone):
        one.step(torch.tensor([2]), torch.tensor([[1.0, 2.0]]))
    assert torch.equal(rows.table[:, :2], alone.table)
    assert torch.equal(rows.table[:, 2], torch.ones(3))


def test_state_goes_round():
    rows, other = RowAdagrad(torch.ones(3, 2), lr=0.1), RowAdagrad(torch.zeros(2, 2), lr=0.1)
    rows.step(torch.tensor([1]), torch.ones(1, 2))
    other.load_state_dict(rows.state_dict())
    rows.step(torch.tensor([1]), torch.ones(1, 2))
    other.step(torch.tensor([1]), torch.ones(1, 2))
    assert torch.equal(rows.table, other.table)


@pytest.mark.parametrize("wrong", [{"lr": 0.0}, {"lr": 0.1, "start": 0.0}])
def test_errors(wrong):
    with pytest.raises(ValueError, match="positive lr and start"):
        RowAdagrad(torch.ones(2, 2), **wrong)
