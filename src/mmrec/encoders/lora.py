"""Adapters of low rank in a frozen model, trained in its place."""

import re
from importlib import import_module
from typing import Any

from torch import nn

USUAL_RANK = 8
_LORA = re.compile(r"lora(-([1-9][0-9]*))?")


def rank_of(tuning: str) -> int | None:
    """Return the rank that a tuning states; None if it is not LoRA.

    Example:
        >>> rank_of("lora"), rank_of("lora-16"), rank_of("full")
        (8, 16, None)
    """
    found = _LORA.fullmatch(tuning)
    return None if found is None else int(found[2] or USUAL_RANK)


def add_adapters(module: nn.Module, blocks: list[nn.Module], rank: int) -> None:
    """Add a trained adapter to each linear layer of some blocks; all else is frozen.

    A layer's ``W x`` becomes ``W x + 2 B A x`` with ``A`` of ``rank`` rows and ``B`` of ``rank``
    columns. ``B`` starts at 0, so that the model starts as it was. In blocks without linear layers
    (a ResNet's), the convolutions that join all channels have adapters.

    Args:
        module: the pretrained model; changed in place.
        blocks: the parts of it that are adapted.
        rank: the rank of each adapter.

    Raises:
        ImportError: PEFT is not installed.
        ValueError: the blocks have neither linear layers nor such convolutions.

    References:
        Hu et al., "LoRA: Low-rank adaptation of large language models" (2021), arXiv 2106.09685.
    """
    try:
        peft = import_module("peft")
    except ImportError as error:
        raise ImportError("tuning 'lora' needs PEFT: pip install 'mmrec[lora]'") from error
    inside = {id(part) for block in blocks for part in block.modules()}
    parts = [(name, part) for name, part in module.named_modules() if id(part) in inside]
    linear = [name for name, part in parts if _is_linear(part)]
    names = linear or [name for name, part in parts if _joins_channels(part)]
    if not names:
        raise ValueError(
            f"tuning 'lora' expects linear layers or convolutions in the blocks; got "
            f"{type(module).__name__} without any"
        )
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        # Exact names: PEFT would take a plain name for an ending.
        target_modules="|".join(map(re.escape, names)),
        fan_in_fan_out=any(_is_transposed(part) for _, part in parts),
    )
    peft.inject_adapter_in_model(config, module)


def _is_linear(part: Any) -> bool:
    # The output layer of PyTorch's attention is read without being called.
    of_attention = isinstance(part, nn.modules.linear.NonDynamicallyQuantizableLinear)
    return (isinstance(part, nn.Linear) and not of_attention) or _is_transposed(part)


def _is_transposed(part: Any) -> bool:
    """Return whether this is the linear layer of GPT-2, whose weight is transposed."""
    return type(part).__name__ == "Conv1D" and hasattr(part, "nf")


def _joins_channels(part: Any) -> bool:
    return isinstance(part, nn.Conv2d) and part.groups == 1
