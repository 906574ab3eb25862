"""Which parameters of a pretrained model are trained: "frozen", "last-N", "lora" or "full"."""

import re

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmrec.encoders.lora import add_adapters, rank_of

_LAST = re.compile(r"last-([0-9]+)")


def tune(module: nn.Module, tuning: str) -> None:
    """Set which parameters of ``module`` have gradients.

    "frozen" is none and "full" is all. "last-N" is the last N blocks and everything registered
    after them (a final norm, a convolution before the pooling). In Hugging Face and timm models
    the order of registration is the order of ``forward``. The blocks are the entries of the
    outermost lists (``ModuleList`` or ``Sequential``) of composed modules, one list after the
    other: the layers of BERT, the blocks of a vision transformer, the residual blocks of all stages
    of a ResNet. Lists within a list (the stages of an EfficientNet) are flattened. In a model
    without such lists, the blocks are the direct children.

    "lora" freezes the model and adds trained adapters of rank 8 to the linear layers of all blocks,
    "lora-R" adapters of rank R (arXiv 2106.09685).

    Args:
        module: the pretrained model; changed in place.
        tuning: "frozen", "last-N" with N of at least 1, "lora", "lora-R" or "full".

    Raises:
        ValueError: ``tuning`` is unknown, or N exceeds the number of blocks.
        ImportError: ``tuning`` is "lora", and PEFT is not installed.

    Example:
        >>> model = nn.Sequential(*(nn.Sequential(nn.Linear(2, 2)) for _ in range(3)))
        >>> tune(model, "last-1")
        >>> [name for name, p in model.named_parameters() if p.requires_grad]
        ['2.0.weight', '2.0.bias']
    """
    if tuning in ("frozen", "full"):
        module.requires_grad_(tuning == "full")
        return
    if (rank := rank_of(tuning)) is not None:
        add_adapters(module, find_blocks(module), rank)
        return
    last = _LAST.fullmatch(tuning)
    if last is None or int(last[1]) < 1:
        raise ValueError(
            f"tuning expects 'frozen', 'last-N' (N at least 1, such as 'last-2'), 'lora' or "
            f"'full'; got {tuning!r}"
        )
    blocks = find_blocks(module)
    if int(last[1]) > len(blocks):
        raise ValueError(
            f"tuning expects at most the {len(blocks)} blocks of {type(module).__name__}; got "
            f"{tuning!r}"
        )
    first = next(blocks[-int(last[1])].parameters())
    learns = False
    for parameter in module.parameters():
        learns = learns or parameter is first
        parameter.requires_grad_(learns)


def find_blocks(module: nn.Module) -> list[nn.Module]:
    """Return the blocks that "last-N" counts, in forward order (see :func:`tune`)."""
    return _listed(module) or [child for child in module.children() if _has_weights(child)]


def _listed(module: nn.Module) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    for child in module.children():
        if not _is_list(child):
            blocks += _listed(child)
            continue
        for entry in child.children():
            if _is_list(entry):
                blocks += _listed(nn.ModuleList([entry]))
            elif _has_weights(entry):
                blocks.append(entry)
    return blocks


def _has_weights(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _is_list(module: nn.Module) -> bool:
    entries = list(module.children())
    composed = all(next(entry.children(), None) is not None for entry in entries)
    return isinstance(module, nn.ModuleList | nn.Sequential) and bool(entries) and composed


def freeze_modes(module: nn.Module) -> None:
    """Put frozen parts into eval mode; call it after ``module.train(mode)``.

    These are every part without a trainable parameter, dropout before the first trainable part, and
    every batch norm: items are encoded in chunks, and with batch statistics a vector would depend
    on its chunk.
    """
    learns = False
    for part in module.modules():
        parameters = list(part.parameters())
        if any(p.requires_grad for p in part.parameters(recurse=False)):
            learns = True
        elif not any(p.requires_grad for p in parameters) and (parameters or not learns):
            part.training = False
        if isinstance(part, _BatchNorm):
            part.training = False
