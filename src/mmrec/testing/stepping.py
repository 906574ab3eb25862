"""The contract of an interest model that takes one event at a time."""

from typing import Any

import torch
from torch import Tensor

from mmrec.testing.contract import Contract, expect, expect_close, expect_output
from mmrec.testing.modules import Case, Inputs

_EVENT = ("vectors", "gap", "event_type")


def check_state(contract: Contract, case: Case) -> None:
    """Check that a state is a value, and a step a function of it."""
    contract.clause("state", _state, case)


def check_stepping(contract: Contract, case: Case, long: Case) -> None:
    """Check that ``step`` and ``readout`` give what ``forward`` gives.

    Args:
        contract: what is checked.
        case: an interest model and the arguments of its ``forward``.
        long: the same with longer histories.
    """
    contract.clause("step", _step, case, long)
    contract.clause("no events", _no_events, case)
    contract.clause("step in bfloat16", _bfloat16, case)
    if torch.cuda.is_available():
        contract.clause("step on a device", _device, case)


def _folded(part: Any, inputs: Inputs) -> Tensor:
    """Return the interest after each event, and zeros in padding."""
    mask, interests = inputs["mask"], []
    state = part.initial_state(len(mask))
    for step in range(mask.shape[1]):
        state = part.step(state, *(inputs[name][:, step].clone() for name in _EVENT))
        interests.append(part.readout(state))
    return torch.stack(interests, dim=1).masked_fill(~mask.unsqueeze(-1), 0)


def _state(case: Case) -> None:
    for users in (len(case.inputs["mask"]), 1, 0):
        part: Any = case.make()
        shape, of = (users, part.interest_dim), f"{users} users"
        state = part.initial_state(users)
        kept = [tensor.clone() for tensor in _tensors(state)]
        expect_output(part.readout(state), shape, of, dtype=case.dtype)
        event = [case.inputs[name][:users, 0] for name in _EVENT]
        after = part.step(state, *(value.clone() for value in event))
        form = type(state).__name__
        expect(type(after) is type(state), f"a {form} after a step", type(after).__name__)
        expect_output(part.readout(after), shape, f"{of} after a step", dtype=case.dtype)
        same = all(torch.equal(*pair) for pair in zip(_tensors(state), kept, strict=True))
        expect(same, "that a step leaves the state before it as it was", "other values in it")
        again = part.step(state, *(value.clone() for value in event))
        same = all(map(torch.equal, _tensors(again), _tensors(after)))
        expected = "the same state after the same step, so that a part keeps no state in itself"
        expect(same, expected, "another state")


def _tensors(state: Any) -> list[Tensor]:
    """Return the tensors of a state."""
    # A state of events is made again from its tensors, which a plain tuple does not allow.
    named = isinstance(state, tuple) and type(state) is not tuple
    tensors = [state] if isinstance(state, Tensor) else list(state) if named else []
    right = bool(tensors) and all(isinstance(tensor, Tensor) for tensor in tensors)
    expect(right, "a state that is a tensor or a named tuple of tensors", type(state).__name__)
    return tensors


def _step(case: Case, long: Case) -> None:
    part = case.make()
    for inputs in (case.inputs, long.inputs):
        wanted = case.run(part, inputs)
        folded = _folded(part, inputs)
        expect_close(folded, wanted, "that folding step and reading out equals forward")
    alone = _folded(part, {name: value[:1] for name, value in case.inputs.items()})
    wanted = case.run(part)[:1]
    expect_close(alone, wanted, "that folding the events of one user equals forward")


def _no_events(case: Case) -> None:
    part: Any = case.make()
    given = case.inputs | {"mask": torch.zeros_like(case.inputs["mask"])}
    wanted = part(given["vectors"], given["mask"], given["gap"], given["event_type"])[:, 0]
    started = part.readout(part.initial_state(len(wanted)))
    expect_close(started, wanted, "the interest of initial_state where forward has no event")


def _bfloat16(case: Case) -> None:
    part = case.make()
    wanted = case.run(part)
    rounded = case.inputs | {"vectors": case.inputs["vectors"].bfloat16()}
    for given in (case.inputs, rounded):
        with torch.autocast("cpu", torch.bfloat16):
            folded = _folded(part, given)
        expected = "under autocast nearly the interests of float32"
        expect_close(folded.float(), wanted, expected, tolerance=0.1)


def _device(case: Case) -> None:
    part = case.make()
    wanted = case.run(part)
    given = {name: value.cuda() for name, value in case.inputs.items()}
    folded = _folded(part.cuda(), given)
    expect(folded.is_cuda, "interests on the device of the inputs", folded.device)
    expect_close(folded.cpu(), wanted, "the same interests on CUDA", tolerance=1e-2)
