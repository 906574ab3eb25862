"""A model, split into the parts that are served separately."""

from typing import cast

from jaxtyping import Float
from torch import Tensor, nn

from mmrec.affinities import AffinityInterest
from mmrec.export.additive import AdditiveReadout, AdditiveStep
from mmrec.export.affinity import AffinityReadout, AffinityStep
from mmrec.export.mean import MeanReadout, MeanStep
from mmrec.export.own import own_step, with_examples
from mmrec.export.part import Part, Port
from mmrec.export.recurrent import GRUStep, LinearStep
from mmrec.export.tower import tower_part
from mmrec.export.window import NARMReadout, NARMStep, WindowReadout, WindowStep
from mmrec.interest import (
    AdditiveAttentionInterest,
    GRUInterest,
    HSTUInterest,
    Interest,
    LiGRInterest,
    LinearRecurrentInterest,
    MeanInterest,
    NARMInterest,
    NRMSInterest,
    SelfAttentionInterest,
)
from mmrec.interest.windowed import WindowedInterest
from mmrec.models import SequentialModel

WINDOWED: tuple[type, ...] = (SelfAttentionInterest, HSTUInterest, LiGRInterest, NRMSInterest)
"""Classes whose state is the window of their last events."""


def model_parts(model: SequentialModel) -> dict[str, Part]:
    """Return the parts of a model, by name.

    They are ``items`` (features → item vectors), ``step`` and ``readout`` (events → interest),
    ``scorer`` (interests and item vectors → scores) and, if the model has them, ``request``
    (interests and seconds since the last event → interests) and ``reranker`` (interests and their
    candidates → what is added to the candidates' scores).

    Raises:
        ValueError: the interest model or an encoder cannot be exported.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> from mmrec.models import gru4rec
        >>> list(model_parts(gru4rec({"id": IdEncoder(5, 8)}, dim=8)))
        ['items', 'step', 'readout', 'scorer']
    """
    dim = model.items.dim
    interest = Port("interest", ("B", model.interest.interest_dim))
    vectors, scores = Port("vectors", ("N", dim)), Port("scores", ("B", "N"))
    scorer = cast(nn.Module, model.scorer)
    parts = [
        tower_part(model.items),
        *step_parts(model.interest),
        Part("scorer", scorer, [interest, vectors], [scores]),
    ]
    if model.request is not None:
        since = Port("since", ("B",))
        moved = interest._replace(name="moved")
        parts.append(Part("request", model.request, [interest, since], [moved]))
    if model.reranker is not None:
        candidates, added = Port("candidates", ("B", "K", dim)), Port("scores", ("B", "K"))
        reranker = cast(nn.Module, model.reranker)
        parts.append(Part("reranker", reranker, [interest, candidates], [added]))
    return {part.name: part for part in parts}


def step_parts(interest: Interest) -> list[Part]:
    """Return the parts ``step`` and ``readout`` of an interest model.

    ``step`` maps the vector, gap and type of an event and the state before it to the state after
    it; ``readout`` maps a state to the interest. A state is one tensor or more, zero for a user
    without events. The complex memory of a linear recurrence is stored as its real parts, followed
    by its imaginary parts.

    Raises:
        ValueError: the interest model is not one of ours, and its step can't be exported as it is.

    Example:
        >>> import torch
        >>> step, readout = step_parts(GRUInterest(8, interest_dim=4))
        >>> state = step(torch.randn(1, 8), torch.zeros(1), torch.tensor([0]), torch.zeros(1, 1, 4))
        >>> readout(state).shape
        torch.Size([1, 4])
    """
    step, readout, state = _modules(interest)
    event = [
        Port("vectors", ("B", interest.dim)),
        Port("gap", ("B",)),
        Port("event_type", ("B",), "int64"),
    ]
    after = [port._replace(name=f"next_{port.name}") for port in state]
    out = Port("interest", ("B", interest.interest_dim))
    parts = (
        Part("step", step, event + state, after),
        Part("readout", readout, state, [out]),
    )
    return with_examples(*parts, interest.dim)


def _modules(interest: Interest) -> tuple[nn.Module, nn.Module, list[Port]]:
    """Return step, readout and the tensors of a state."""
    if isinstance(interest, AffinityInterest):
        step, readout, state = _modules(interest.interest)
        directions = Port("directions", ("B", sum(interest.blocks)))
        with_affinity = AffinityStep(interest, step), AffinityReadout(interest, readout)
        return *with_affinity, [directions, *state]
    # Exact types: the exported step would ignore what a subclass changes.
    if type(interest) is GRUInterest:
        memory = Port("memory", (interest.layers, "B", interest.interest_dim))
        return GRUStep(interest), _LastLayer(), [memory]
    if type(interest) is LinearRecurrentInterest:
        memory = Port("memory", (len(interest.blocks), "B", 2 * interest.state_dim))
        return LinearStep(interest), _LastInterest(), [memory, Port("last", ("B", interest.dim))]
    if type(interest) is MeanInterest:
        mean = [Port("total", ("B", interest.dim)), Port("weight", ("B",))]
        return MeanStep(interest), MeanReadout(interest), mean
    if type(interest) is AdditiveAttentionInterest:
        sums = [Port("total", ("B", interest.dim)), Port("weight", ("B",)), Port("top", ("B",))]
        return AdditiveStep(interest), AdditiveReadout(interest), sums
    length = Port("length", ("B",), "int64")
    if type(interest) is NARMInterest:
        memory = Port("memory", (interest.encoder.layers, "B", interest.dim))
        outputs = Port("outputs", ("B", interest.attended, interest.dim))
        return NARMStep(interest), NARMReadout(interest), [memory, outputs, length]
    if isinstance(interest, WindowedInterest) and type(interest) in WINDOWED:
        events = Port("events", ("B", interest.window, interest.kept))
        return WindowStep(interest), WindowReadout(interest), [events, length]
    return own_step(interest)


class _LastLayer(nn.Module):
    """The interest of a GRU."""

    def forward(self, memory: Float[Tensor, "layers B H"]) -> Float[Tensor, "B H"]:
        return memory[-1]


class _LastInterest(nn.Module):
    """The interest of a linear recurrence, which is a part of its state."""

    def forward(
        self, memory: Float[Tensor, "layers B N2"], last: Float[Tensor, "B D"]
    ) -> Float[Tensor, "B D"]:
        return last.clone()
