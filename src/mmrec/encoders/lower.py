"""Models whose frozen lower layers are left out: their output is known.

With the tuning "last-N" the lower layers give the same output in every step, so it can be kept
(as in IISAN, arXiv 2404.02059) and training can start from there. No family of models is named
here. A block is passed over by a copy of it whose ``forward`` returns what is known, all else is
the model itself, and :func:`why_whole` finds out whether that gives the same vectors.
"""

from collections.abc import Callable, Mapping
from copy import copy
from itertools import takewhile
from typing import Any, cast

import torch
from torch import Tensor, nn

from mmrec.encoders.modes import evaluating
from mmrec.encoders.protocol import LayeredEncoder
from mmrec.encoders.tuning import find_blocks


def lower_blocks(module: nn.Module) -> list[nn.Module]:
    """Return the blocks before the first one with a trained parameter, in forward order.

    Example:
        >>> from mmrec.encoders import tune
        >>> model = nn.Sequential(*(nn.Sequential(nn.Linear(2, 2)) for _ in range(3)))
        >>> tune(model, "last-1")
        >>> len(lower_blocks(model))
        2
    """
    return list(takewhile(_is_frozen, find_blocks(module)))


def lower_states(module: nn.Module, run: Callable[[nn.Module], Any]) -> Tensor:
    """Return the output of the last of the :func:`lower_blocks`; what comes after it does not run.

    Args:
        module: the model.
        run: calls the model that it is given with the inputs.

    Raises:
        ValueError: no block is frozen below trained ones, it gives several tensors, or a trained
            parameter has a part in its output.

    Example:
        >>> from mmrec.encoders import tune
        >>> model = nn.Sequential(*(nn.Sequential(nn.Linear(2, 2)) for _ in range(3)))
        >>> tune(model, "last-1")
        >>> rows = torch.ones(1, 2)
        >>> states = lower_states(model, lambda model: model(rows))
        >>> torch.equal(resumed(model, states)(rows), model(rows))
        True
    """
    blocks = lower_blocks(module)
    if not blocks or len(blocks) == len(find_blocks(module)):
        raise ValueError(
            f"expected frozen blocks below trained ones, as with the tuning 'last-N'; got "
            f"{len(blocks)} of {len(find_blocks(module))} frozen"
        )
    last = blocks[-1]

    def stop(*args: Any, **kwargs: Any) -> Any:
        raise _Reached(last(*args, **kwargs))

    try:
        run(_replaced(module, {id(last): _stand_in(last, stop)}))
    except _Reached as reached:
        states = reached.output
    else:
        raise ValueError(f"expected {type(module).__name__} to run its frozen blocks; it did not")
    if not isinstance(states, Tensor):
        raise ValueError(f"expected blocks that give one tensor; got {type(states).__name__}")
    if states.requires_grad:
        raise ValueError(
            f"expected frozen blocks that read no trained parameter; one has a part in what "
            f"{type(last).__name__} gives"
        )
    return states


def resumed(module: nn.Module, states: Tensor) -> nn.Module:
    """Return the model with the output of the last of its :func:`lower_blocks` given.

    The other lower blocks return their first argument. The result is meant for one call. It shares
    all weights, modes and upper blocks with the model, so gradients reach these; making it takes
    about a millisecond. What comes before the blocks, such as embeddings, still runs, and its
    output is not used.

    Args:
        module: the model, which stays as it is.
        states: the output; converted to the type of the block's weights.
    """
    *passed, last = lower_blocks(module)
    known = states.to(next(last.parameters()).dtype)
    stand_ins = {id(block): _stand_in(block, _first) for block in passed}
    stand_ins[id(last)] = _stand_in(last, lambda *args, **kwargs: known)
    return _replaced(module, stand_ins)


def why_whole(encoder: LayeredEncoder) -> str | None:
    """Return why the frozen layers of an encoder can't be run once and left out; None if they can.

    On a sample, what the encoder makes of the states must be its vectors, and the states must be
    the same in training mode: dropout is off in frozen layers. The encoder stays as it is, and no
    random number is drawn.

    Example:
        >>> from mmrec.encoders import ImageEncoder
        >>> why_whole(ImageEncoder.from_timm("test_vit", pretrained=False, tuning="last-2"))
        >>> print(why_whole(ImageEncoder.from_timm("test_vit", pretrained=False, tuning="full")))
        expected frozen blocks below trained ones, as with the tuning 'last-N'; got 0 of 6 frozen
    """
    module: Any = encoder
    device = next(module.parameters()).device
    drawing = torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])
    try:
        with drawing, evaluating(module):
            sample = encoder.sample()
            module.train()
            drawn = encoder.lower(sample)["states"]
            module.eval()
            lowered = encoder.lower(sample)
            with torch.no_grad():
                found, expected = encoder(lowered), encoder(sample)
    except Exception as error:  # of any type: some models read more of a block than its output
        return " ".join(str(error).split()) or type(error).__name__
    if not _are_close(drawn, lowered["states"]):
        return "its frozen blocks give another output in training"
    if not _are_close(found, expected):
        return "its upper blocks read more than what the last frozen block gives"
    return None


class _Reached(Exception):
    """The last of the lower blocks has run."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


def _first(hidden: Any, *args: Any, **kwargs: Any) -> Any:
    return hidden


def _is_frozen(block: nn.Module) -> bool:
    return not any(parameter.requires_grad for parameter in block.parameters())


def _are_close(found: Tensor, expected: Tensor) -> bool:
    return torch.allclose(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def _stand_in(block: nn.Module, forward: Callable[..., Any]) -> nn.Module:
    """Return a copy of a block with another ``forward``; a model may read its attributes."""
    twin: Any = copy(block)
    twin.forward = forward
    return cast(nn.Module, twin)


def _replaced(module: nn.Module, stand_ins: Mapping[int, nn.Module]) -> nn.Module:
    """Return a module with other modules in the places of some, which are given by their ``id``.

    Only what contains one of these is copied, and no weights.
    """
    if id(module) in stand_ins:
        return stand_ins[id(module)]
    parts = module._modules
    replaced = {n: p if p is None else _replaced(p, stand_ins) for n, p in parts.items()}
    if all(replaced[name] is part for name, part in parts.items()):
        return module
    twin = copy(module)
    twin._modules = replaced
    return twin
