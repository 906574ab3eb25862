"""Values that must have no effect, such as those in padding."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmrec.testing.contract import expect, expect_close
from mmrec.testing.modules import Case, Inputs

GARBAGE = (torch.nan, torch.inf, 1e30)


def expect_hidden(case: Case, hidden: Mapping[str, Tensor], where: str) -> None:
    """Raise a ``ContractError`` if hidden values reach an output or a gradient.

    One input is spoilt at a time, so that the message names it.

    Args:
        case: the part and its inputs.
        hidden: True where an input is hidden, by name; the first axes of the input.
        where: where they are hidden, for the message.
    """
    part = case.make()
    places = {name: hidden[name] for name in case.trained if name in hidden}
    wanted, weights, _ = _trained(case, part, case.inputs, places)
    for name, here in hidden.items():
        values = case.inputs[name]
        here = here.view(*here.shape, *[1] * (values.ndim - here.ndim))
        for value in GARBAGE if values.is_floating_point() else (1,):
            spoilt = case.inputs | {name: values.masked_fill(here, value)}
            found, moved, slopes = _trained(case, part, spoilt, places)
            lies = f"what lies in {where} of {name}, here {value}"
            expect_close(found, wanted, f"an output that does not depend on {lies}")
            for weight, slope in moved.items():
                expected = f"a gradient of {weight!r} that does not depend on {lies}"
                expect_close(slope, weights[weight], expected)
            for leaf, place in places.items():
                none = not slopes[leaf][place].any()  # NaN would count as True
                expect(none, f"no gradient of {lies}", f"one of {leaf}")


def _trained(
    case: Case, part: nn.Module, inputs: Inputs, hidden: Mapping[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """Return an output and the gradients of weights and of inputs with hidden values."""
    leaves = {n: v.detach().clone().requires_grad_(n in hidden) for n, v in inputs.items()}
    part.zero_grad()
    output = case.run(part, leaves)
    output.sin().sum().backward()
    weights = {n: w.grad.clone() for n, w in part.named_parameters() if w.grad is not None}
    slopes = {
        name: torch.zeros_like(leaves[name]) if (g := leaves[name].grad) is None else g
        for name in hidden
    }
    return output.detach(), weights, slopes
