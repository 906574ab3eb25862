"""Large matrix products on AMD processors, by the faster of two libraries."""

import os
from collections.abc import Callable, Sequence
from contextlib import ContextDecorator, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint

# oneDNN compiles a kernel for each new shape in half a millisecond. So many multiplications make up
# for it at once; a layer that is trained has the same shapes again in every epoch.
_LARGE = 2**26
_RECURRING = 2**24
_ABOUT = Path("/proc/cpuinfo")


class fast_products(ContextDecorator, TorchFunctionMode):  # named like a function, as it is used
    """A context, or a decorator, in which large linear layers take half of the time on some CPUs.

    PyTorch computes products of float32 with MKL, which on AMD processors reaches half the speed of
    their AVX-512 units. oneDNN, which comes with PyTorch too, reaches all of it. The results differ
    by rounding alone. Small products, other processors, other devices and other types of numbers
    are left to PyTorch.

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
        """Compute ``linear`` with oneDNN where that is faster."""
        if func is linear and not kwargs and _mkl_is_slow() and _is_worth_it(*args):
            return _Linear.apply(*args, *[None] * (3 - len(args)))
        return func(*args, **(kwargs or {}))


def checkpointed(module: nn.Module) -> Callable[..., Any]:
    """Return a module's call without its activations; the backward pass computes them again.

    It computes them with :class:`fast_products`, since a backward pass is outside of the context of
    its forward pass.

    Example:
        >>> layer, rows = nn.Linear(2, 2), torch.ones(1, 2)
        >>> torch.equal(checkpointed(layer)(rows), layer(rows))
        True
    """
    return partial(
        checkpoint,
        module,
        use_reentrant=False,
        context_fn=lambda: (nullcontext(), fast_products()),
    )


def product(rows: Tensor, weight: Tensor) -> Tensor:
    """Return ``rows @ weight.T`` by the faster library; the gradient is not kept."""
    fast = _mkl_is_slow() and rows.dtype == torch.float32
    return _product(rows, weight) if fast else rows @ weight.T


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
        # With rows apart, as of a part of a concatenation, oneDNN takes minutes.
        gradient = gradient.contiguous()
        of_rows, of_weight, of_bias = ctx.needs_input_grad
        flat, seen = gradient.flatten(0, -2), rows.flatten(0, -2)
        # oneDNN is faster if the narrower of the two transposed factors is the first.
        wide = flat.shape[1] > seen.shape[1]
        return (
            _product(gradient, weight.T) if of_rows else None,
            (_product(seen.T, flat.T).T if wide else _product(flat.T, seen.T))
            if of_weight
            else None,
            flat.sum(0) if of_bias else None,
        )


def _product(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    made: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return made


def _is_worth_it(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    """Whether a product is large, and its factors are contiguous float32."""
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
    """Whether PyTorch uses MKL on an AMD processor with AVX-512, and has oneDNN too."""
    libraries = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
    # The operator is private to PyTorch, for compiled models. Without it MKL is used.
    if not libraries or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    slow = _ABOUT.is_file() and "AuthenticAMD" in _ABOUT.read_text()
    if slow:
        # oneDNN reads this at its first product. It keeps 1,024 compiled kernels, of megabytes each
        # where the pools of training differ in size, and seldom needs one of them again.
        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "256")
    return slow
