"""A part of a model that is exported separately, with its input and output tensors."""

from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

_TRACED = {"B": 2, "N": 3, "K": 4}
DTYPES = {"float32": torch.float32, "int64": torch.int64, "bool": torch.bool}


class Port(NamedTuple):
    """An input or output tensor of a part.

    Attributes:
        name: its name in the manifest and in the ONNX graph.
        shape: its sizes; a letter for any size: B users, N items, K candidates.
        dtype: its type, by NumPy's name.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: str = "float32"

    @property
    def free(self) -> dict[int, str]:
        """The axes of any size, with their letters."""
        return {axis: size for axis, size in enumerate(self.shape) if isinstance(size, str)}

    def example(self) -> Tensor:
        """Return zeros to trace with; each letter has a different size."""
        sizes = [_TRACED[size] if isinstance(size, str) else size for size in self.shape]
        return torch.zeros(sizes, dtype=DTYPES[self.dtype])

    def zeros(self, users: int) -> Tensor:
        """Return zeros for a number of users."""
        sizes = [users if size == "B" else int(size) for size in self.shape]
        return torch.zeros(sizes, dtype=DTYPES[self.dtype])

    def describe(self) -> dict[str, Any]:
        """Return name, shape and dtype as values for JSON."""
        return {"name": self.name, "shape": list(self.shape), "dtype": self.dtype}


class Part:
    """A module of plain tensors, in evaluation mode and on the CPU.

    Args:
        name: name of the part and of its files.
        module: takes the inputs in their order; it is copied.
        inputs: the input tensors.
        outputs: the output tensors.

    Attributes:
        examples: inputs of the module; what is exported must give the same outputs for them.

    Example:
        >>> part = Part("twice", nn.Linear(4, 2), [Port("x", ("B", 4))], [Port("y", ("B", 2))])
        >>> part(torch.zeros(5, 4)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self, name: str, module: nn.Module, inputs: list[Port], outputs: list[Port]
    ) -> None:
        self.name, self.inputs, self.outputs = name, inputs, outputs
        self.examples: list[tuple[Tensor, ...]] = []
        self.module = deepcopy(module).cpu().eval()

    @torch.no_grad()
    def __call__(self, *tensors: Tensor) -> Any:
        """Return the outputs of the part without export."""
        return self.module(*tensors)
