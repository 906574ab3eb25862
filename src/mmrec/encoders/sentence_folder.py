"""What a sentence-transformers model says about itself: pooling, prompt, layers, length."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from mmrec.encoders.projection import LinearLayer, Projection

Find = Callable[[str], Path | None]

_POOLINGS = {
    "cls": "cls",
    "cls_token": "cls",
    "mean": "mean",
    "mean_tokens": "mean",
    "max": "max",
    "max_tokens": "max",
    "lasttoken": "last",
}
_DOCUMENT = ("document", "passage", "corpus")


@dataclass(frozen=True)
class SentenceFolder:
    """The way from a text to a vector that a sentence-transformers folder describes.

    Attributes:
        pooling: how token vectors become one; None if it is not said.
        prompt: what is written before each text of a document.
        projection: the ``Dense`` modules after the pooling, or None.
        max_length: tokens of a text that are read, or None.
    """

    pooling: str | None
    prompt: str
    projection: Projection | None
    max_length: int | None

    @classmethod
    def read(cls, find: Find) -> "SentenceFolder | None":
        """Return what a folder says; None if it is not a sentence-transformers folder.

        ``Normalize`` is left out: features are standardized after the encoder instead.

        Args:
            find: returns the path of a file by its name in the folder, or None.

        Raises:
            ValueError: the folder has a module or a setting that is not supported.
        """
        modules = _json(find, "modules.json")
        if modules is None:
            return None
        settings = _json(find, "sentence_bert_config.json") or {}
        pooling, whole = None, True
        layers, weights = list[LinearLayer](), list[dict[str, Tensor]]()
        for module in modules:
            kind, path = _kind(module), str(module.get("path", ""))
            if kind == "Transformer" and path:
                raise ValueError(
                    f"a sentence-transformers model must have its Transformer in the top folder; "
                    f"it is in the folder {path!r} there: pass that one"
                )
            if kind == "Pooling":
                config = _needed(find, kind, path)
                pooling = _pooling(config)
                whole = config.get("include_prompt", True)
            elif kind == "Dense":
                layers.append(_layer(_needed(find, kind, path)))
                weights.append(_weights(find, path))
        prompt = _prompt(_json(find, "config_sentence_transformers.json") or {})
        if pooling is not None and prompt and not whole:
            raise _unsupported("a pooling without the tokens of the prompt")
        if settings.get("do_lower_case"):
            raise _unsupported("do_lower_case")
        projection = Projection(layers) if layers else None
        if projection is not None:
            for linear, values in zip(projection.linear, weights, strict=True):
                linear.load_state_dict(values)
        return cls(pooling, prompt, projection, settings.get("max_seq_length"))


def _kind(module: Mapping[str, Any]) -> str:
    path = str(module.get("type", ""))
    kind = path.rpartition(".")[2]
    known = ("Transformer", "Pooling", "Dense", "Normalize")
    if not path.startswith("sentence_transformers.") or kind not in known:
        raise _unsupported(f"the module {path!r}")
    return kind


def _pooling(config: Mapping[str, Any]) -> str:
    stated = config.get("pooling_mode")
    if stated is None:
        prefix = "pooling_mode_"
        given = [key for key, on in config.items() if key.startswith(prefix) and on]
        stated = [key.removeprefix(prefix) for key in given] or ["mean"]
    modes = [stated] if isinstance(stated, str) else list(stated)
    if len(modes) != 1 or modes[0] not in _POOLINGS:
        raise _unsupported(f"the pooling {', '.join(modes)}")
    return _POOLINGS[modes[0]]


def _layer(config: Mapping[str, Any]) -> LinearLayer:
    name = "sentence_embedding"
    places = {config.get("module_input_name", name), config.get("module_output_name", name)}
    if config.get("use_residual") or places != {name}:
        raise _unsupported("a Dense module with a residual or of another input")
    activation = str(config.get("activation_function", "torch.nn.Tanh")).rpartition(".")[2]
    return LinearLayer(
        int(config["in_features"]),
        int(config["out_features"]),
        bool(config.get("bias", True)),
        activation,
    )


def _weights(find: Find, path: str) -> dict[str, Tensor]:
    file = find(_join(path, "model.safetensors"))
    if file is not None:
        from safetensors.torch import load_file

        tensors = load_file(file)
    else:
        file = find(_join(path, "pytorch_model.bin"))
        if file is None:
            raise _unsupported(f"a Dense module without weights in {path!r}")
        tensors = torch.load(file, map_location="cpu", weights_only=True)
    return {name.removeprefix("linear."): value.float() for name, value in tensors.items()}


def _prompt(config: Mapping[str, Any]) -> str:
    """Return the prompt of documents, else the default one."""
    prompts = config.get("prompts") or {}
    names = [name for name in _DOCUMENT if prompts.get(name) is not None]
    name = names[0] if names else config.get("default_prompt_name")
    return str(prompts.get(name) or "")


def _join(path: str, name: str) -> str:
    return str(PurePosixPath(path, name))


def _json(find: Find, name: str) -> Any:
    path = find(name)
    return None if path is None else json.loads(path.read_text(encoding="utf-8"))


def _needed(find: Find, kind: str, path: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] | None = _json(find, _join(path, "config.json"))
    if found is None:
        raise _unsupported(f"a {kind} without {_join(path, 'config.json')!r}")
    return found


def _unsupported(what: str) -> ValueError:
    return ValueError(
        f"a sentence-transformers model must have one Transformer, a Pooling (cls, mean, max or "
        f"last token), Dense and Normalize; got {what}: choose a pooling other than 'auto' to use "
        f"its Transformer alone"
    )
