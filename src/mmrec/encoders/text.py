"""Texts: any Hugging Face text model, pooled to one vector."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.encoders.architecture import plain_config
from mmrec.encoders.causality import is_causal
from mmrec.encoders.fingerprint import fingerprint
from mmrec.encoders.halves import trained_on_padding
from mmrec.encoders.huggingface import build_text_model, find_file, load_text_model
from mmrec.encoders.lora import rank_of
from mmrec.encoders.lower import lower_states, resumed
from mmrec.encoders.pooling import POOLINGS, pool
from mmrec.encoders.projection import Projection
from mmrec.encoders.sentence_folder import SentenceFolder
from mmrec.encoders.text_length import default_length, positions_of
from mmrec.encoders.text_transform import TextTransform
from mmrec.encoders.tuning import freeze_modes, tune


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
            in eval mode, whatever the mode of the module. Trained parts start in training mode,
            with their dropout.
        projection: layers after the pooling that belong to the model; trained with "last-N" and
            "full".

    Shape:
        inputs: ``input_ids`` and ``attention_mask``, ``(n, L)`` each; output: ``(n, dim)``. Padding
        may be on either side; it changes nothing. The result of :meth:`lower` is taken, too.

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
        own = config.get_text_config()
        width = int(getattr(own, "word_embed_proj_dim", None) or own.hidden_size)  # OPT's output
        self.dim = width if projection is None else projection.dim
        self.query = nn.Parameter(torch.zeros(width)) if pooling == "attention" else None
        self.projection = projection
        tune(backbone, tuning)
        if projection is not None:
            projection.requires_grad_(tuning != "frozen" and rank_of(tuning) is None)
        self.train()  # pretrained models come in eval mode, without the dropout of trained parts

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
        own = read(lambda file: find_file(name_or_path, file)) if pooling == "auto" else None
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
        if len(inputs["attention_mask"]) == 0:
            return torch.zeros(0, self.dim, device=inputs["attention_mask"].device)
        states = inputs.get("states")
        ids, mask = _right_padded(inputs)
        output = _run(
            self.backbone if states is None else resumed(self.backbone, states), ids, mask
        )
        vectors = pool(output.last_hidden_state, mask, self.pooling, self.query)
        if self.projection is None:
            return vectors
        projected: Tensor = self.projection(vectors)
        return projected.masked_fill(~mask.any(dim=1, keepdim=True), 0)

    def lower(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what frozen layers make of texts, see :class:`mmrec.encoders.LayeredEncoder`.

        Raises:
            ValueError: no layer is frozen below trained ones, or the model can't run in two parts.
        """
        ids, mask = _right_padded(inputs)
        states = lower_states(self.backbone, lambda model: _run(model, ids, mask))
        if states.shape[:2] != mask.shape:
            raise ValueError(
                f"expected states of {tuple(mask.shape)} tokens; got shape {tuple(states.shape)}"
            )
        states = states.masked_fill(~mask.unsqueeze(-1), 0)
        return {"states": states, "attention_mask": mask.long()}

    def sample(self) -> dict[str, Tensor]:
        """Return three texts of random tokens, one of them with padding."""
        config: Any = self.backbone.config
        size = (3, min(8, self.transform.max_length))
        draws = torch.Generator().manual_seed(0)
        ids = torch.randint(int(config.get_text_config().vocab_size), size, generator=draws)
        mask = torch.ones_like(ids)
        mask[1, size[1] // 2 + 1 :] = 0
        device = next(self.backbone.parameters()).device
        return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}

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


def _right_padded(inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return token ids and mask with padding on the right; ids of 0 if states replace them."""
    mask = inputs["attention_mask"].bool()
    if "states" in inputs:
        return torch.zeros_like(mask, dtype=torch.long), mask
    # Many models count positions from the left.
    order = mask.int().argsort(dim=1, descending=True, stable=True)
    return inputs["input_ids"].gather(1, order), mask.gather(1, order)


def _run(model: nn.Module, ids: Tensor, mask: Tensor) -> Any:
    # Attention over no token is NaN, so a text without tokens attends to its first padding.
    open_mask = mask.clone()
    open_mask[:, 0] |= ~mask.any(dim=1)
    return model(input_ids=ids, attention_mask=open_mask.long())
