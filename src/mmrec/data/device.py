"""Moving a dataclass of tensors to a device."""

from dataclasses import fields, replace
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

T = TypeVar("T", bound="OnDevice")


class OnDevice:
    """Mixin for a dataclass: ``to`` and ``pin_memory`` apply to all tensors in it.

    Tensors may be fields, values of dicts, or fields of another such dataclass.
    """

    def to(self: T, device: torch.device | str, non_blocking: bool = False) -> T:
        """Return a copy with all tensors on ``device``."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self: T) -> T:
        """Return a copy with all tensors in page-locked memory."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self: T, function: Any) -> T:
        this = cast(Any, self)
        values = {field.name: getattr(this, field.name) for field in fields(this)}
        mapped = {name: _apply(value, function) for name, value in values.items()}
        return cast(T, replace(this, **mapped))


def _apply(value: Any, function: Any) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, dict):
        return {name: _apply(part, function) for name, part in value.items()}
    return value._map(function) if isinstance(value, OnDevice) else value
