"""The configuration of a Hugging Face model as plain values that do not refer to code."""

from collections.abc import Mapping
from typing import Any

# An attention implementation may name a kernel on the hub, which would be downloaded and run.
_REFUSED = ("implementation", "auto_map", "quantization_config")


def plain_config(config: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a configuration without private entries and entries that refer to code, at any depth.

    Args:
        config: the result of ``config.to_dict()``, or the contents of a file.

    Example:
        >>> plain_config({"hidden_size": 8, "_name_or_path": "a/b", "attn_implementation": "c/d"})
        {'hidden_size': 8}
    """
    return {
        str(key): _plain(value)
        for key, value in config.items()
        if not str(key).startswith("_") and not any(word in str(key) for word in _REFUSED)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain_config(value)
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
