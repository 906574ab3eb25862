"""Values that must have no effect, such as those in padding."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from mmrec.testing.contract import expect, expect_close
from mmrec.testing.modules import Case, Inputs

GARBAGE = (torch.nan, torch.inf, 1e30)


def expect_hidden(
    case: Case, spoil: Callable[[float], Inputs], hidden: Mapping[str, Tensor], where: str
) -> None:
    """Raise a ``ContractError`` if hidden values reach an output or a gradient.

    Args:
        case: the part and its inputs.
        spoil: returns the inputs with a value where they are hidden.
        hidden: True where an input is hidden, by the names of inputs that have a gradient.
        where: where they are hidden, for the message.
    """
    part = case.make()
    wanted, weights, _ = _trained(case, part, case.inputs, hidden)
    for value in GARBAGE:
        found, moved, slopes = _trained(case, part, spoil(value), hidden)
        depends = f"that does not depend on what lies in {where}, here {value}"
        expect_close(found, wanted, f"an output {depends}")
        for name, gradient in moved.items():
            expect_close(gradient, weights[name], f"a gradient of {name!r} {depends}")
        for name, places in hidden.items():
            none = not slopes[name][places].any()  # NaN would count as True
            expect(none, f"no gradient of what lies in {where}, here {value}", "a gradient")


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
