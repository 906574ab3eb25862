"""The interest model as two parts: a step for each event, and reading the interest out."""

from jaxtyping import Float
from torch import Tensor, nn

from mmrec.export.part import Part, Port
from mmrec.export.recurrent import GRUStep, LinearStep
from mmrec.export.window import WindowReadout, WindowStep
from mmrec.interest import GRUInterest, LinearRecurrentInterest, SelfAttentionInterest


def step_parts(interest: nn.Module) -> list[Part]:
    """Return the parts ``step`` and ``readout`` of an interest model.

    ``step`` takes the vector, gap and type of an event and the state before it, and gives the
    state after it; ``readout`` takes a state and gives the interest. A state is one tensor or two,
    zero for someone without events. A linear recurrence keeps its complex memory as real parts,
    followed by imaginary ones.

    Raises:
        ValueError: the interest model is of another kind.

    Example:
        >>> import torch
        >>> step, readout = step_parts(GRUInterest(8, hidden=4))
        >>> state = step(torch.randn(1, 8), torch.zeros(1), torch.tensor([0]), torch.zeros(1, 1, 4))
        >>> readout(state).shape
        torch.Size([1, 4])
    """
    step, readout, state = _modules(interest)
    event = [
        Port("vectors", ("B", interest.dim)),  # type: ignore[arg-type]
        Port("gap", ("B",)),
        Port("event_type", ("B",), "int64"),
    ]
    after = [port._replace(name=f"next_{port.name}") for port in state]
    out = Port("interest", ("B", interest.hidden))  # type: ignore[arg-type]
    return [
        Part("step", step, event + state, after),
        Part("readout", readout, state, [out]),
    ]


def _modules(interest: nn.Module) -> tuple[nn.Module, nn.Module, list[Port]]:
    """Return step, readout and the tensors of a state."""
    if isinstance(interest, GRUInterest):
        memory = Port("memory", (interest.layers, "B", interest.hidden))
        return GRUStep(interest), _LastLayer(), [memory]
    if isinstance(interest, LinearRecurrentInterest):
        memory = Port("memory", (len(interest.blocks), "B", 2 * interest.width))
        return LinearStep(interest), _Kept(), [memory, Port("last", ("B", interest.dim))]
    if isinstance(interest, SelfAttentionInterest):
        events = Port("events", ("B", interest.window, interest.dim))
        length = Port("length", ("B",), "int64")
        return WindowStep(interest), WindowReadout(interest), [events, length]
    raise ValueError(
        "export expects an interest of GRUInterest, SelfAttentionInterest or "
        f"LinearRecurrentInterest; got {type(interest).__name__}"
    )


class _LastLayer(nn.Module):
    """The interest of a GRU."""

    def forward(self, memory: Float[Tensor, "layers B H"]) -> Float[Tensor, "B H"]:
        return memory[-1]


class _Kept(nn.Module):
    """The interest of a linear recurrence, which is in its state."""

    def forward(
        self, memory: Float[Tensor, "layers B N2"], last: Float[Tensor, "B D"]
    ) -> Float[Tensor, "B D"]:
        return last.clone()
