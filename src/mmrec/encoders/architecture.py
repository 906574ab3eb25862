"""The configuration of a Hugging Face model as plain values that name no code."""

from collections.abc import Mapping
from typing import Any

# An attention implementation may be a kernel on the hub, which would be fetched and run.
_REFUSED = ("implementation", "auto_map", "quantization_config")


def plain_config(config: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a configuration without what is private or names code, at any depth.

    Args:
        config: what `config.to_dict()` gave, or what was read from a file.

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
