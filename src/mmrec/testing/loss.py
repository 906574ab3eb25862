"""The contract of a loss."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mmrec.losses import Loss
from mmrec.recommender.pipeline.probe import leaves_of
from mmrec.testing.contract import expect, expect_close, expect_output
from mmrec.testing.garbage import GARBAGE
from mmrec.testing.making import begin
from mmrec.testing.modules import Inputs
from mmrec.testing.slopes import expect_slopes

_NAMES = ("logits", "target", "candidates", "log_q")


def check_loss(
    factory: str | Mapping[str, Any] | Loss | Callable[[], Loss], *, skip: Sequence[str] = ()
) -> list[str]:
    """Check that a function keeps the contract of :class:`mmrec.losses.Loss`.

    Args:
        factory: what ``fit(loss=…)`` takes: a loss, a :func:`functools.partial` of one, or a class
            that is made without arguments.
        skip: names of clauses that are not checked, such as ``("gradcheck",)``.

    Returns:
        The names of the clauses that were checked.

    Raises:
        ContractError: a clause is broken.
        ValueError: there is no such loss.

    Example:
        >>> from mmrec.losses import bpr_loss
        >>> check_loss(bpr_loss)[:3]
        ['scalar', 'inputs stay', 'candidates']
    """
    contract, loss, _ = begin("loss", factory, {}, skip)
    inputs = _inputs()
    contract.clause("scalar", _scalar, loss, inputs)
    contract.clause("inputs stay", _inputs_stay, loss, inputs)
    contract.clause("candidates", _candidates, loss, inputs)
    contract.clause("no candidates", _no_candidates, loss, inputs)
    contract.clause("target", _target, loss, inputs)
    contract.clause("rows", _rows, loss, inputs)
    contract.clause("slots", _slots, loss, inputs)
    contract.clause("infinity", _infinity, loss, inputs)
    contract.clause("weights", _weights, loss, inputs)
    contract.clause("gradcheck", _gradcheck, loss, inputs)
    contract.clause("bfloat16", _bfloat16, loss, inputs)
    contract.clause("negatives", _negatives, loss, inputs)
    contract.clause("own target", _own_target, loss, inputs)
    if torch.cuda.is_available():
        contract.clause("device", _device, loss, inputs)
    return contract.checked


def _inputs() -> Inputs:
    """Return four rows; the target of the last one is no candidate."""
    draws = torch.Generator().manual_seed(0)
    return {
        "logits": torch.randn(4, 7, generator=draws),
        "target": torch.tensor([1, 4, 4, 6]),
        "candidates": torch.tensor([False, True, True, False, True, True, False]),
        "log_q": torch.rand(7, generator=draws).clamp(min=0.1).log(),
    }


def _of(loss: Any, given: Inputs) -> Tensor:
    """Return the loss of copies of the inputs."""
    value: Tensor = loss(*(given[name].clone() for name in _NAMES))
    return value


def _number(loss: Any, given: Inputs) -> float:
    return float(_of(loss, given).detach())


def _with_gradient(loss: Any, given: Inputs) -> tuple[Tensor, Tensor]:
    """Return a loss and its gradient of the logits."""
    logits = given["logits"].detach().clone().requires_grad_()
    value = _of(loss, given | {"logits": logits})
    shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
    expect(shape == (), "one number, a tensor of shape ()", shape)
    value.backward()
    gradient = torch.zeros_like(logits) if logits.grad is None else logits.grad
    return value.detach(), gradient


def _expect_finite(loss: Any, given: Inputs, of: str) -> None:
    value, gradient = _with_gradient(loss, given)
    expect_output(value, (), of)
    expect(bool(gradient.isfinite().all()), f"a finite gradient of {of}", "NaN or infinity")


def _weights_of(loss: Any) -> dict[str, nn.Parameter]:
    """Return the weights that training changes."""
    named = loss.named_parameters() if isinstance(loss, nn.Module) else ()
    return {name: weight for name, weight in named if weight.requires_grad}


def _weights(loss: Any, inputs: Inputs) -> None:
    """Each weight gets a finite gradient, and none lies outside of a module."""
    logits = inputs["logits"].clone().requires_grad_()
    value = _of(loss, inputs | {"logits": logits})
    leaves = {id(leaf): leaf for leaf in leaves_of(value)}
    known = {id(logits)}
    for name, weight in _weights_of(loss).items():
        expect(id(weight) in leaves, f"a gradient of the weight {name!r}", "none")
        (gradient,) = torch.autograd.grad(value, weight, retain_graph=True)
        finite = bool(gradient.isfinite().all())
        expect(finite, f"a finite gradient of the weight {name!r}", "NaN or infinity")
        known.add(id(weight))
    others = [tuple(leaf.shape) for leaf in leaves.values() if id(leaf) not in known]
    expect(not others, "weights that are parameters of an nn.Module", f"others of shapes {others}")


def _scalar(loss: Any, inputs: Inputs) -> None:
    for rows in (len(inputs["target"]), 1, 0):
        given = inputs | {name: inputs[name][:rows] for name in ("logits", "target")}
        _expect_finite(loss, given, f"{rows} rows")


def _candidates(loss: Any, inputs: Inputs) -> None:
    own = torch.zeros_like(inputs["logits"]).bool().scatter(1, inputs["target"].unsqueeze(1), True)
    hidden = ~inputs["candidates"] & ~own
    value, gradient = _with_gradient(loss, inputs)
    for garbage in GARBAGE:
        spoilt = inputs | {
            "logits": inputs["logits"].masked_fill(hidden, garbage),
            "log_q": inputs["log_q"].masked_fill(hidden.all(dim=0), garbage),
        }
        found, moved = _with_gradient(loss, spoilt)
        expected = f"that a slot which is no candidate changes nothing, here with {garbage}"
        expect_close(found, value, expected)
        expect_close(moved, gradient, f"{expected}, nor a gradient")
    expect(not gradient[hidden].any(), "no gradient of slots that are no candidates", "one")


def _no_candidates(loss: Any, inputs: Inputs) -> None:
    given = inputs | {"candidates": torch.zeros_like(inputs["candidates"])}
    _expect_finite(loss, given, "rows without a candidate")


def _infinity(loss: Any, inputs: Inputs) -> None:
    at = torch.arange(7) == 2  # a candidate, and no target
    logits = inputs["logits"].masked_fill(at, -torch.inf)
    _expect_finite(loss, inputs | {"logits": logits}, "a candidate with a score of -inf")
    log_q = inputs["log_q"].masked_fill(at, -torch.inf)
    _expect_finite(loss, inputs | {"log_q": log_q}, "a candidate with a log_q of -inf")


def _target(loss: Any, inputs: Inputs) -> None:
    before = _number(loss, inputs)
    for row, slot in enumerate(inputs["target"].tolist()):
        logits = inputs["logits"].clone()
        logits[row, slot] += 1
        after = _number(loss, inputs | {"logits": logits})
        expected = f"less than {before:.4g} where the score of a target rises"
        expect(after < before, expected, f"{after:.4g}")


def _negatives(loss: Any, inputs: Inputs) -> None:
    """All negatives of a row rise, or the one that scores highest.

    A loss that weights negatives by their scores may fall where another one rises.
    """
    # Scores above 0, since a loss may also pull the scores of negatives towards 0.
    given = inputs | {"logits": inputs["logits"].abs()}
    before, higher = _number(loss, given), False
    for row, slot in enumerate(inputs["target"].tolist()):
        negatives = given["candidates"].clone()
        negatives[slot] = False
        scores = given["logits"][row]
        highest = scores.masked_fill(~negatives, -torch.inf).argmax()
        for raised in (negatives, torch.arange(len(scores)) == highest):
            for by in (1.0, 10.0):
                logits = given["logits"].clone()
                logits[row] += by * raised
                after = _number(loss, given | {"logits": logits})
                expected = f"no less than {before:.4g} where scores of negatives rise"
                expect(after >= before - 1e-5 * (1 + abs(before)), expected, f"{after:.4g}")
                higher |= after > before + 1e-5
    expected = f"more than {before:.4g} where all negatives of a row score higher by 10"
    expect(higher, expected, "the same: it does not read negatives")


def _own_target(loss: Any, inputs: Inputs) -> None:
    """The target of a row may be a candidate, for other rows; it is no negative of its own row."""
    for row, slot in enumerate(inputs["target"].tolist()):
        alone = inputs | {name: inputs[name][row : row + 1] for name in ("logits", "target")}
        here = torch.arange(len(inputs["candidates"])) == slot
        among, outside = (
            _of(loss, alone | {"candidates": candidates})
            for candidates in (inputs["candidates"] | here, inputs["candidates"] & ~here)
        )
        expected = "the same loss of a row whether or not its target is among the candidates"
        expect_close(among, outside, expected)


def _rows(loss: Any, inputs: Inputs) -> None:
    turned = inputs | {name: inputs[name].flip(0) for name in ("logits", "target")}
    expect_close(_of(loss, turned), _of(loss, inputs), "the same loss in whatever order rows are")


def _slots(loss: Any, inputs: Inputs) -> None:
    order = torch.tensor([0, 6, 5, 4, 3, 2, 1])  # its own inverse; padding stays
    turned = {
        "logits": inputs["logits"][:, order],
        "target": order[inputs["target"]],
        "candidates": inputs["candidates"][order],
        "log_q": inputs["log_q"][order],
    }
    expect_close(_of(loss, turned), _of(loss, inputs), "the same loss in whatever order slots are")


def _inputs_stay(loss: Any, inputs: Inputs) -> None:
    given = {name: inputs[name].clone() for name in _NAMES}
    loss(*given.values())
    for name, value in given.items():
        same = torch.equal(value, inputs[name])
        expect(same, f"that {name} stays as it was given", "other values in it after the call")


def _gradcheck(loss: Any, inputs: Inputs) -> None:
    given = inputs | {name: inputs[name].double() for name in ("logits", "log_q")}
    logits = given["logits"].requires_grad_()
    call = partial(_of, loss, given)
    call().sin().sum().backward()
    expect_slopes(call, {"the logits": (logits, torch.randn_like(logits))})


def _bfloat16(loss: Any, inputs: Inputs) -> None:
    half = inputs | {"logits": (20 * inputs["logits"]).bfloat16()}
    wanted = _of(loss, half | {"logits": half["logits"].float()})
    found = _of(loss, half)
    wide = found.dtype in (torch.float32, torch.float64)
    expect(wide, "a loss in float32 or wider of logits in bfloat16", found.dtype)
    expect_close(found, wanted, "that logits in bfloat16 are computed with in float32")


def _device(loss: Any, inputs: Inputs) -> None:
    found = _of(loss, {name: value.cuda() for name, value in inputs.items()})
    expect(found.is_cuda, "a loss on the device of the logits", found.device)
    expect_close(found.cpu(), _of(loss, inputs), "the same loss on CUDA", tolerance=1e-3)
