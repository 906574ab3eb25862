"""Interests of another's: exported as they are, and refused in one sentence where that fails."""

from typing import NamedTuple

import pytest
import torch
from torch import nn

from mmrec.export import Part, Port, to_exported_program, to_onnx
from mmrec.export.parts import step_parts
from mmrec.interest import GRUInterest


class State(NamedTuple):
    last: torch.Tensor  # (B, K, D)
    mean: torch.Tensor  # (B, D)


class Averages(nn.Module):
    """The last events under a kernel, and an average that fades with the gap."""

    def __init__(self, dim, kernel=2):
        super().__init__()
        self.dim = self.interest_dim = dim
        self.weight = nn.Parameter(torch.randn(kernel, dim))
        self.out = nn.Linear(dim, dim)

    def initial_state(self, batch_size):
        zeros = self.weight.new_zeros
        return State(zeros(batch_size, *self.weight.shape), zeros(batch_size, self.dim))

    def step(self, state, vectors, gap=None, event_type=None):
        keep = torch.sigmoid(-(gap.clamp(min=0) / 3600).log1p()).unsqueeze(-1)
        last = torch.cat([state.last[:, 1:], vectors.unsqueeze(1)], dim=1)
        return State(last, keep * state.mean + (1 - keep) * vectors)

    def readout(self, state):
        return self.out((state.last * self.weight).sum(1) + state.mean)

    def forward(self, vectors, mask, gap=None, event_type=None):
        state, found = self.initial_state(len(vectors)), []
        for place in range(vectors.shape[1]):
            state = self.step(state, vectors[:, place], gap[:, place])
            found.append(self.readout(state))
        return torch.stack(found, dim=1)


class LouderGRU(GRUInterest):
    """A subclass of ours that keeps its state."""

    def readout(self, state):
        return 2 * super().readout(state)

    def forward(self, vectors, mask, gap=None, event_type=None):
        return 2 * super().forward(vectors, mask, gap, event_type)


def started(states):
    return lambda self, batch_size: states(batch_size)


def kind(**methods):
    return type("Odd", (Averages,), methods)


def folded(interest, step, readout, users=4):
    """The interest after some events, by the exported parts and by ``forward``."""
    vectors = torch.randn(users, 3, interest.dim)
    gap, types = torch.rand(users, 3) * 9000, torch.zeros(users, 3, dtype=torch.int64)
    state = [port.zeros(users) for port in readout[0].inputs]
    for place in range(3):
        state = step[1](vectors[:, place], gap[:, place], types[:, place], *state)
        state = [state] if isinstance(state, torch.Tensor) else state
    mask = torch.ones(users, 3, dtype=torch.bool)
    with torch.no_grad():
        return readout[1](*state), interest(vectors, mask, gap, types)[:, -1]


@pytest.mark.parametrize("made", [Averages, LouderGRU])
def test_the_exported_step_gives_what_forward_gives(made):
    torch.manual_seed(0)
    interest = made(6).eval()
    parts = [(part, to_exported_program(part).module()) for part in step_parts(interest)]
    found, expected = folded(interest, *parts)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    if made is Averages:
        assert [port.name for port in parts[1][0].inputs] == ["last", "mean"]
        assert parts[1][0].inputs[0].shape == ("B", 2, 6)


def test_it_is_written_as_onnx(tmp_path):
    pytest.importorskip("onnxscript")
    from onnxruntime import InferenceSession

    parts = []
    for part in step_parts(interest := Averages(6).eval()):
        to_onnx(part, tmp_path / f"{part.name}.onnx")
        session = InferenceSession(tmp_path / f"{part.name}.onnx")
        names = [port.name for port in session.get_inputs()]

        def run(*tensors, session=session, names=names):
            given = {n: t.numpy() for n, t in zip(names, tensors, strict=True)}
            found = [torch.from_numpy(one) for one in session.run(None, given)]
            return found[0] if len(found) == 1 else found

        parts.append((part, run))
    torch.testing.assert_close(*folded(interest, *parts), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        (
            {"initial_state": started(lambda n: {"last": torch.zeros(n, 2, 6)})},
            "a tensor or a named tuple of tensors; that of Odd is a dict",
        ),
        (
            {"initial_state": started(lambda n: State(torch.ones(n, 2, 6), torch.zeros(n, 6)))},
            r"last of Odd has the shape \(2, 2, 6\) for two users, is of float32 and not zero",
        ),
        (
            {"initial_state": started(lambda n: State(torch.zeros(2, 6), torch.zeros(n, 6)))},
            "with one axis of users",
        ),
        (
            {"initial_state": started(lambda n: torch.zeros(n, 6, dtype=torch.complex64))},
            "is of complex64",
        ),
        (
            {"forward": lambda self, *given: -Averages.forward(self, *given)},
            "step gives what its forward gives; that of Odd differs after event 1",
        ),
    ],
)
def test_what_is_refused(methods, said):
    with pytest.raises(ValueError, match=f"export expects .*{said}"):
        step_parts(kind(**methods)(6))


def test_a_step_that_depends_on_values_is_refused():
    def step(self, state, vectors, gap=None, event_type=None):
        if vectors.sum() > 0:
            vectors = -vectors
        return Averages.step(self, state, vectors, gap)

    with pytest.raises(ValueError, match=r"torch.export cannot trace the part 'step'"):
        to_exported_program(step_parts(kind(step=step)(6))[0])


def test_a_graph_that_differs_from_its_part_is_refused():
    calls = []

    class Counting(nn.Module):
        def forward(self, x):
            calls.append(0)
            return x * len(calls)

    part = Part("odd", Counting(), [Port("x", ("B", 2))], [Port("y", ("B", 2))])
    to_exported_program(part)  # nothing to try it with
    part.examples.append((torch.ones(3, 2),))
    with pytest.raises(ValueError, match=r"exported to torch must give what .*; y differs for 3"):
        to_exported_program(part)
