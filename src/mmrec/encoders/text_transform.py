"""Texts become token ids."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mmrec.encoders.huggingface import load_tokenizer
from mmrec.encoders.text_length import USUAL

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
        return load_tokenizer(self.path)

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
