import pytest
import torch

from mmrec.layers import check_shape

pytestmark = pytest.mark.usefixtures("unchecked")


def refusal(tensor, shape, **more):
    with pytest.raises(ValueError, match=r"^x expects y ") as error:
        check_shape("x expects y", tensor, shape, **more)
    return str(error.value).removeprefix("x expects y ")


def test_sizes_must_agree_and_names_stand_for_any():
    check_shape("x", torch.ones(3, 8), (3, 8))
    check_shape("x", torch.ones(0, 8), ("batch", 8))
    check_shape("x", torch.ones(()), ())
    check_shape("x", torch.ones(2).bool(), (2,), dtype=torch.bool)
    assert refusal(torch.ones(3, 8), ("batch", 7)) == "of shape (batch, 7); got (3, 8)"
    assert refusal(torch.ones(3, 8), ("a", "b", 8)) == "of shape (a, b, 8); got (3, 8)"
    assert refusal(torch.ones(3), ()) == "of shape (); got (3,)"
    assert refusal(torch.ones(()), (1,)) == "of shape (1,); got ()"


def test_types_must_agree():
    mask = torch.ones(2)
    assert refusal(mask, (2,), dtype=torch.bool) == "of type torch.bool; got torch.float32"
    assert refusal(mask.numpy(), (2,)) == "as a tensor; got ndarray"


def test_it_is_nothing_in_a_graph():
    class Double(torch.nn.Module):
        def forward(self, values, weights):
            check_shape("x", values, ("rows", 4))
            check_shape("x", weights, values.shape[:1])
            return values * weights.unsqueeze(1)

    rows = torch.export.Dim("rows")
    program = torch.export.export(
        Double(),
        (torch.ones(3, 4), torch.ones(3)),
        dynamic_shapes={"values": {0: rows}, "weights": {0: rows}},
    )
    assert program.module()(torch.ones(5, 4), torch.ones(5)).shape == (5, 4)
    calls = [n for n in program.graph.nodes if n.op == "call_function"]
    assert [str(call.target) for call in calls] == ["aten.unsqueeze.default", "aten.mul.Tensor"]
