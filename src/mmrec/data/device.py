"""Moving a dataclass of tensors to a device."""

from collections.abc import Callable
from dataclasses import Field, fields, replace
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

T = TypeVar("T", bound="OnDevice")


class OnDevice:
    """Mixin for a dataclass: ``to`` and ``pin_memory`` apply to all tensors in it.

    Tensors may be fields, values of dicts, or fields of another such dataclass.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def to(self: T, device: torch.device | str, non_blocking: bool = False) -> T:
        """Return a copy with all tensors on ``device``."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self: T) -> T:
        """Return a copy with all tensors in page-locked memory."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self: T, function: Callable[[Tensor], Tensor]) -> T:
        mapped = {f.name: _apply(getattr(self, f.name), function) for f in fields(self)}
        return replace(self, **mapped)


def _apply(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, dict):
        return {name: _apply(part, function) for name, part in value.items()}
    return value._map(function) if isinstance(value, OnDevice) else value
