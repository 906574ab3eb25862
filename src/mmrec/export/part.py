"""A part of a model that is exported on its own, and the tensors that go in and come out."""

from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

_TRACED = {"B": 2, "N": 3, "K": 4}
_DTYPES = {"float32": torch.float32, "int64": torch.int64, "bool": torch.bool}


class Port(NamedTuple):
    """A tensor that goes into a part, or comes out of it.

    Attributes:
        name: in the manifest and in the ONNX graph.
        shape: its sizes; a letter where any size will do: B users, N items, K candidates.
        dtype: as NumPy calls it.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: str = "float32"

    @property
    def free(self) -> dict[int, str]:
        """The axes of any size, with their letters."""
        return {axis: size for axis, size in enumerate(self.shape) if isinstance(size, str)}

    def example(self) -> Tensor:
        """Return a tensor to trace with: zeros, each free axis of another size."""
        sizes = [_TRACED[size] if isinstance(size, str) else size for size in self.shape]
        return torch.zeros(sizes, dtype=_DTYPES[self.dtype])

    def describe(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"name": self.name, "shape": list(self.shape), "dtype": self.dtype}


class Part:
    """A module that takes and gives plain tensors, in evaluation mode and on the CPU.

    Args:
        name: of the part, and of its files.
        module: takes the inputs in their order; it is copied.
        inputs: what goes in.
        outputs: what comes out.

    Example:
        >>> part = Part("twice", nn.Linear(4, 2), [Port("x", ("B", 4))], [Port("y", ("B", 2))])
        >>> part(torch.zeros(5, 4)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self, name: str, module: nn.Module, inputs: list[Port], outputs: list[Port]
    ) -> None:
        self.name, self.inputs, self.outputs = name, inputs, outputs
        self.module = deepcopy(module).cpu().eval()

    @torch.no_grad()
    def __call__(self, *tensors: Tensor) -> Any:
        """Run the part as it is before export."""
        return self.module(*tensors)
