"""The clauses that hold for every part that is a module."""

import warnings
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, cast

import torch
from torch import Tensor, nn

from mmrec.layers import seeded
from mmrec.testing.contract import (
    Contract,
    ContractError,
    expect,
    expect_close,
    expect_output,
    first_line,
)
from mmrec.testing.making import moved
from mmrec.testing.slopes import expect_slopes

Inputs = dict[str, Tensor]


@dataclass(frozen=True)
class Case:
    """A part that is a module, and a call of it.

    Attributes:
        make: makes a new part in evaluation mode.
        call: calls a part; axis 0 of its output, as of the inputs, is that of ``rows``.
        inputs: what it is called with, by name.
        rows: what a row is, in the plural: "items".
        shape: the shape of the output without axis 0.
        trained: names of the inputs that other parts compute, and are trained through.
    """

    make: Callable[[], nn.Module]
    call: Callable[[Any, Inputs], Tensor]
    inputs: Inputs
    rows: str
    shape: tuple[int, ...]
    trained: tuple[str, ...] = ()

    def run(self, part: nn.Module, inputs: Inputs | None = None) -> Tensor:
        """Return the output of a part, which gets copies of the inputs."""
        given = self.inputs if inputs is None else inputs
        return self.call(part, {name: value.clone() for name, value in given.items()})

    @property
    def dtype(self) -> torch.dtype | None:
        """The type of an output: that of what other parts compute; None if they compute nothing."""
        return self.inputs[self.trained[0]].dtype if self.trained else None

    @property
    def leaves(self) -> bool:
        """Whether there is anything to train: an input or a weight."""
        with seeded(0):
            weights = list(self.make().parameters())
        return bool(self.trained) or any(weight.requires_grad for weight in weights)


def check_module(contract: Contract, case: Case, *, compile: bool) -> None:
    """Check the clauses of a module, for which shapes and masks say nothing."""
    contract.clause("shapes", _shapes, case)
    contract.clause("inputs stay", _inputs_stay, case)
    contract.clause("evaluation", _evaluation, case)
    contract.clause("rows", _rows, case)
    if case.leaves:
        contract.clause("gradients", _gradients, case)
        contract.clause("gradcheck", _gradcheck, case)
    contract.clause("bfloat16", _bfloat16, case)
    contract.clause("state_dict", _state_dict, case)
    contract.clause("deepcopy", _deepcopy, case)
    if torch.cuda.is_available():
        contract.clause("device", _device, case)
    if compile:
        contract.clause("compile", _compile, case)


def check_training(
    contract: Contract, case: Case, clauses: Mapping[str, Callable[[Case], None]]
) -> None:
    """Check clauses in training mode too, where both calls draw the same random numbers.

    A part that draws others each time, because it has a generator of its own, is not checked: a
    warning says so.
    """
    training = _in_training(case)
    if not _repeats(training):
        warnings.warn(
            f"{contract.part} draws other random numbers than those of torch.manual_seed, so "
            f"{', '.join(clauses)} were checked in evaluation mode alone",
            stacklevel=3,
        )
        return
    for name, check in clauses.items():
        contract.clause(f"{name} in training", check, training)


def _in_training(case: Case) -> Case:
    """Return a case of parts in training mode; each call draws the same random numbers."""

    def call(part: Any, given: Inputs) -> Tensor:
        with seeded(0):
            return case.call(part, given)

    return replace(case, make=lambda: case.make().train(), call=call)


def _repeats(case: Case) -> bool:
    with seeded(0):
        part = case.make()
    try:
        first, second = case.run(part), case.run(part)
    except Exception:  # a clause says it
        return True
    return torch.allclose(first, second, rtol=1e-5, atol=1e-6, equal_nan=True)


def expect_module(part: object) -> None:
    """Raise a :class:`ContractError` unless a part is a module."""
    expect(isinstance(part, nn.Module), "an nn.Module", type(part).__name__)


def expect_width(part: object, name: str) -> int:
    """Return an attribute of a part that says a width.

    Raises:
        ContractError: the part lacks it, or it is no whole number above 0.
    """
    width = getattr(part, name, None)
    whole = int(width) if isinstance(width, Integral) else 0
    expect(whole > 0, f"{name}, a whole number above 0", width)
    return whole


def _shapes(case: Case) -> None:
    part = case.make()
    count = _count(case.inputs)
    for size in (count, 1, 0):  # what is wrong of all is said of a usual batch
        given = _taken(case.inputs, slice(size))
        try:
            output = case.run(part, given)
        except Exception as error:
            _expect_error_of_new_part(case, given, error)
            raise
        expect_output(output, (size, *case.shape), f"{size} {case.rows}", dtype=case.dtype)


def _expect_error_of_new_part(case: Case, given: Inputs, error: Exception) -> None:
    """Raise a ``ContractError`` if a part without an earlier call raises no error."""
    try:
        case.run(case.make(), given)
    except Exception:  # it is no matter of earlier calls
        return
    raise ContractError(
        "expected that a part keeps nothing of one call for the next; got "
        f"{type(error).__name__} in a later call, and none in a first one: {first_line(error)}"
    ) from error


def _rows(case: Case) -> None:
    part = case.make()
    fresh = deepcopy(part)  # a part may keep what it gets in its first call
    together, count = case.run(part), _count(case.inputs)
    order = torch.arange(count).roll(1)
    turned = case.run(part, _taken(case.inputs, order))
    expect_close(turned, together[order], f"outputs in the order of the {case.rows}")
    alone = case.run(fresh, _taken(case.inputs, slice(-1, None)))
    expect_close(alone, together[-1:], f"outputs that do not depend on other {case.rows}")


def _evaluation(case: Case) -> None:
    part = case.make()
    first, second = (case.run(part) for _ in range(2))
    expect_close(second, first, "the same output each time in evaluation mode", tolerance=1e-6)


def _inputs_stay(case: Case) -> None:
    given = _taken(case.inputs, slice(None))
    case.call(case.make(), given)
    for name, value in given.items():
        same = torch.equal(value.nan_to_num(), case.inputs[name].nan_to_num())
        expect(same, f"that {name} stays as it was given", "other values in it after the call")


def _gradients(case: Case) -> None:
    part, given = case.make().train(), _leaves(case, torch.float32)
    case.run(part, given).sin().sum().backward()
    for name, weight in part.named_parameters():
        if weight.requires_grad:
            _expect_gradient(weight, f"the weight {name!r}")
    for name in case.trained:
        _expect_gradient(given[name], name)


def _expect_gradient(leaf: Tensor, of: str) -> None:
    found = leaf.grad is not None and bool(leaf.grad.isfinite().all())
    got = "none" if leaf.grad is None else "NaN or infinity"
    expect(found, f"a finite gradient of {of}", got)


def _gradcheck(case: Case) -> None:
    try:
        part, given = case.make().double(), _leaves(case, torch.float64)
        case.run(part, given)
    except RuntimeError:  # a part need not know float64
        part, given = case.make(), _leaves(case, torch.float32)

    def call() -> Tensor:
        return case.run(part, given)

    call().sin().sum().backward()
    inputs = {name: (given[name], torch.randn_like(given[name])) for name in case.trained}
    weights = {
        f"the weight {name!r}": (weight, _direction(weight))
        for name, weight in part.named_parameters()
        if weight.requires_grad
    }
    expect_slopes(call, inputs | weights)


def _direction(weight: Tensor) -> Tensor:
    """Return where a weight is moved: along its gradient, or anywhere if that is 0."""
    # The gradient is 0 for what is not trained, such as a row of padding.
    trained = weight.grad is not None and bool(weight.grad.any())
    return cast(Tensor, weight.grad) if trained else torch.randn_like(weight)


def _bfloat16(case: Case) -> None:
    part = case.make()
    exact = case.run(part)
    for dtype in (torch.float32, torch.bfloat16):  # what other parts give under autocast
        computed = {name: case.inputs[name].to(dtype) for name in case.trained}
        with torch.autocast("cpu", torch.bfloat16):
            rounded = case.run(part, case.inputs | computed)
        expected = f"with inputs of {dtype} under autocast nearly the output of float32"
        expect_close(rounded.float(), exact, expected, tolerance=0.1)
    if rounded.requires_grad:
        rounded.float().sin().sum().backward()
        for weight in part.parameters():
            found = weight.grad is None or bool(weight.grad.isfinite().all())
            expect(found, "finite gradients under autocast", "NaN or infinity")


def _state_dict(case: Case) -> None:
    first, second = case.make(), moved(case.make())
    wanted, values = case.run(first), first.state_dict()
    others = sorted(name for name, value in values.items() if not isinstance(value, Tensor))
    expect(not others, "tensors alone in state_dict", others)
    second.load_state_dict(values)
    expected = "the same output of another part that has loaded state_dict"
    expect_close(_without_last(case, second), wanted[:-1], expected, tolerance=1e-6)


def _deepcopy(case: Case) -> None:
    first, other = case.make(), moved(case.make())
    before, wanted = case.run(first), case.run(other)
    copied = deepcopy(first)
    expected = "the same output of a copy"
    expect_close(_without_last(case, copied), before[:-1], expected, tolerance=1e-6)
    copied.load_state_dict(other.state_dict())
    expected = "a copy that reads its own weights"
    expect_close(case.run(copied), wanted, expected, tolerance=1e-6)
    expected = "that a change of a copy changes nothing else"
    expect_close(case.run(first), before, expected, tolerance=1e-6)


def _device(case: Case) -> None:
    part = case.make()
    wanted = case.run(part)
    given = {name: value.cuda() for name, value in case.inputs.items()}
    found = case.run(part.cuda(), given)
    expect(found.is_cuda, "an output on the device of the inputs", found.device)
    expect_close(found.cpu(), wanted, "the same output on CUDA", tolerance=1e-2)


def _compile(case: Case) -> None:
    part = case.make()
    wanted = case.run(part)
    found = case.run(cast(nn.Module, torch.compile(part)))
    expect_close(found, wanted, "the same output of torch.compile", tolerance=1e-3)


def _leaves(case: Case, dtype: torch.dtype) -> Inputs:
    """Return the inputs in a type, those that are trained as leaves."""
    given = {}
    for name, value in case.inputs.items():
        value = value.to(dtype) if value.is_floating_point() else value
        given[name] = value.clone().requires_grad_(name in case.trained)
    return given


def _without_last(case: Case, part: nn.Module) -> Tensor:
    """Return the output for all rows but the last, which shows what a first call keeps of it."""
    return case.run(part, _taken(case.inputs, slice(-1)))


def _taken(inputs: Mapping[str, Tensor], rows: slice | Tensor) -> Inputs:
    return {name: value[rows].clone() for name, value in inputs.items()}


def _count(inputs: Mapping[str, Tensor]) -> int:
    return len(next(iter(inputs.values())))
