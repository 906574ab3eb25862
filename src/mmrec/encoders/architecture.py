"""The configuration of a Hugging Face model as plain values that do not refer to code."""

from collections.abc import Mapping
from typing import Any

# An attention implementation may name a kernel on the hub, which would be downloaded and run.
_REFUSED = ("implementation", "auto_map", "quantization_config", "backbone")

# Building such a model asks a hub for another one.
_HUB_MODELS = "timm"


def plain_config(config: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a configuration without private entries and entries that refer to code, at any depth.

    Args:
        config: the result of ``config.to_dict()``, or the contents of a file.

    Example:
        >>> plain_config({"hidden_size": 8, "_name_or_path": "a/b", "attn_implementation": "c/d"})
        {'hidden_size': 8}

    Raises:
        ValueError: building the model would need a network.
    """
    kind = str(config.get("model_type", ""))
    if _HUB_MODELS in kind:
        raise ValueError(f"model_type must be one that is built without a network; got {kind!r}")
    return {
        str(key): _plain(value)
        for key, value in config.items()
        if not str(key).startswith("_") and not any(word in str(key) for word in _REFUSED)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain_config(value)
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
