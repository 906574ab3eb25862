"""YAML of configurations: strict when read, with help when written."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

WIDTH = 100
TAG = "tag:yaml.org,2002:"

NUMBERS = {
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)"
    r"|\.(nan|NaN|NAN)",
}
"""The numbers of YAML 1.2; in 1.1, ``1e-3`` is a text, ``010`` is 8 and ``1:30`` is 90."""


def read_yaml(file: Path) -> dict[str, Any]:
    """Return the mapping that a file holds; an empty file is an empty mapping.

    Numbers are those of YAML 1.2, such as ``1e-3``, and a key that occurs twice is an error.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no YAML, no mapping, or a key twice.
    """
    import yaml

    if file.is_dir():
        raise ValueError(f"expected a YAML file such as {file / 'run.yaml'}; got the folder {file}")
    if not file.is_file():
        raise FileNotFoundError(f"no configuration at {file}")
    try:
        values = yaml.load(file.read_text(encoding="utf-8"), _loader())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{file} must hold YAML: {reason}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"{file} must hold values by key; it holds {type(values).__name__}")
    odd = next((key for key in values if not isinstance(key, str)), None)
    if odd is not None:
        raise ValueError(f"{file} has the unknown key {odd!r}; keys are names of options and parts")
    return values


def _loader() -> Any:
    """Return PyYAML's safe loader with numbers as in YAML 1.2 and without repeated keys."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no annotations
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            made: dict[Any, Any] = super().construct_mapping(node, deep)
            if len(made) < len(node.value):
                keys = Counter(self.construct_object(key, deep=True) for key, _ in node.value)
                raise yaml.YAMLError(f"the key {keys.most_common(1)[0][0]!r} occurs twice")
            return made

        def construct_integer(self, node: Any) -> int:
            text = self.construct_scalar(node)
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))

    Loader.add_constructor(f"{TAG}int", Loader.construct_integer)
    return _with_plain_texts(Loader)


def _dumper() -> Any:
    """Return PyYAML's safe dumper, which quotes a text that the loader would take for a number."""
    import yaml

    return _with_plain_texts(type("Dumper", (yaml.SafeDumper,), {}))


def _with_plain_texts(kind: Any) -> Any:
    """Set what a text without quotes is: of YAML 1.1 truth values and nothing, and ``NUMBERS``.

    Dates and merge keys are texts.
    """
    kept = (f"{TAG}bool", f"{TAG}null")
    kind.yaml_implicit_resolvers = {
        first: [(tag, form) for tag, form in forms if tag in kept]
        for first, forms in kind.yaml_implicit_resolvers.items()
    }
    for name, form in NUMBERS.items():
        kind.add_implicit_resolver(f"{TAG}{name}", re.compile(f"^({form})$"), list("-+.0123456789"))
    return kind


def as_yaml(
    head: str,
    sections: Mapping[str, Sequence[tuple[str, str, Any]]],
    given: Mapping[str, Any],
) -> str:
    """Return values as YAML with help; those that were not given are commented defaults.

    Args:
        head: what the file is.
        sections: for each, keys with their help and their default.
        given: the values that were given.

    Example:
        >>> keys = [("dim", "Width.", 8), ("k", "Depth.", 1)]
        >>> print(as_yaml("Sizes.", {"model": keys}, {"k": 2}))
        # Sizes.
        <BLANKLINE>
        ## model
        <BLANKLINE>
        # Width.
        #dim: 8
        # Depth.
        k: 2
        <BLANKLINE>
    """
    lines = _comment(head)
    for title, keys in sections.items():
        lines += ["", f"## {title}", ""]
        for key, text, default in keys:
            lines += _comment(text)
            value = given.get(key, default)
            start = "" if key in given else "#"
            lines += [f"{start}{line}" for line in _dumped({key: value}).strip().split("\n")]
    return "\n".join(lines) + "\n"


def _dumped(values: Mapping[str, Any]) -> str:
    import yaml

    plain = {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}
    text: str = yaml.dump(plain, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=WIDTH)
    return text


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, WIDTH - 2, break_on_hyphens=False)]
