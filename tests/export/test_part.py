import torch
from torch import nn

from mmrec.export import Part, Port


def test_example_tensors_have_free_axes_of_different_sizes():
    port = Port("candidates", ("B", "K", 5), "int64")
    example = port.example()
    assert example.dtype == torch.int64
    assert example.shape[2] == 5
    assert example.shape[0] != example.shape[1]
    assert port.free == {0: "B", 1: "K"}
    assert port.describe() == {"name": "candidates", "shape": ["B", "K", 5], "dtype": "int64"}


def test_part_is_a_copy_in_evaluation_mode():
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.9))
    part = Part("p", module, [Port("x", ("B", 2))], [Port("y", ("B", 2))])
    before = part(torch.ones(1, 2))
    with torch.no_grad():
        module[0].weight.zero_()
    assert module.training
    assert torch.equal(part(torch.ones(1, 2)), before)
    assert not before.requires_grad
