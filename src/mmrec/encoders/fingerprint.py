"""A hash of all that determines an encoder's output, used as key of stored features."""

import hashlib

import torch
from torch import nn


def fingerprint(module: nn.Module, *settings: object) -> str:
    """Return the sha256 of a module's weights (names, types, shapes, values) and its settings.

    It is the same in every process and on every device.

    Args:
        module: the module; the order of its state dict does not matter.
        settings: all else that determines the output; hashed by ``repr``.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> fingerprint(layer, "mean") == fingerprint(layer, "mean")
        True
        >>> fingerprint(layer, "mean") == fingerprint(layer, "cls")
        False
    """
    digest = hashlib.sha256(repr(settings).encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(memoryview(flat.view(torch.uint8).numpy()))
    return digest.hexdigest()
