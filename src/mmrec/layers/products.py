"""Large matrix products on an AMD processor, by the quicker of two libraries."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

# oneDNN writes a kernel for each new shape, in half a millisecond: so many multiplications pay for
# it at once. A layer that learns meets its shapes again in every epoch.
_LARGE = 2**27
_RECURRING = 2**24
_ABOUT = Path("/proc/cpuinfo")


class fast_products(TorchFunctionMode):  # reads like the context manager it is
    """A context in which large linear layers take half of their time on some processors.

    PyTorch leaves products of float32 to MKL, which on AMD processors uses half of what their
    AVX-512 units can do. oneDNN, which comes with PyTorch as well, uses all of it. Results are
    the same but for rounding. Small products, and anything on another processor, on another device
    or in another type of number, stay as they are.

    Example:
        >>> layer = nn.Linear(512, 512)
        >>> rows = torch.randn(1024, 512)
        >>> with fast_products():
        ...     fast = layer(rows)
        >>> torch.allclose(fast, layer(rows), atol=1e-5)
        True
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Let oneDNN do what is worth it."""
        if func is linear and not kwargs and _mkl_is_slow() and _is_worth_it(*args):
            return _Linear.apply(*args, *[None] * (3 - len(args)))
        return func(*args, **(kwargs or {}))


class _Linear(torch.autograd.Function):
    """``F.linear`` by oneDNN, and its gradients."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weight)
        return _product(rows, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight = ctx.saved_tensors
        of_rows, of_weight, of_bias = ctx.needs_input_grad
        flat, seen = gradient.flatten(0, -2), rows.flatten(0, -2)
        # Of the two that are transposed, oneDNN is quicker with the narrower one first.
        wide = flat.shape[1] > seen.shape[1]
        return (
            _product(gradient, weight.T) if of_rows else None,
            (_product(seen.T, flat.T).T if wide else _product(flat.T, seen.T))
            if of_weight
            else None,
            flat.sum(0) if of_bias else None,
        )


def _product(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return product


def _is_worth_it(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    """Whether a product is large, and of plain float32 in memory."""
    tensors = [tensor for tensor in (rows, weight, bias) if tensor is not None]
    learns = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    recurs = learns and isinstance(weight, nn.Parameter)
    return (
        rows.numel() * len(weight) >= (_RECURRING if recurs else _LARGE)
        and all(t.dtype == torch.float32 and t.device.type == "cpu" for t in tensors)
        and all(t.is_contiguous() for t in tensors)
        and not torch.is_autocast_enabled("cpu")
    )


@cache
def _mkl_is_slow() -> bool:
    """Whether PyTorch multiplies with MKL on an AMD processor that knows AVX-512, and needn't."""
    libraries = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
    # The operator is PyTorch's own, for compiled models; where a release lacks it, MKL stays.
    if not libraries or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    return _ABOUT.is_file() and "AuthenticAMD" in _ABOUT.read_text()
