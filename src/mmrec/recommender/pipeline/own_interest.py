"""An interest model from outside mmrec is tried before a training: what it says live, and last."""

import logging
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmrec.data.wording import counted
from mmrec.interest import SteppingInterest
from mmrec.interest.protocol import OPTIONAL
from mmrec.layers import seeded
from mmrec.recommender.options import Options
from mmrec.recommender.parts import SLOTS, path_of
from mmrec.recommender.pipeline.assemble import Recipe, known_sizes

log = logging.getLogger(__name__)

USERS, EVENTS = 3, 9
TOLERANCE = 1e-3
"""Largest difference, as a share of the largest number."""


def check_own_interest(recipe: Recipe, options: Options, event_types: tuple[str, ...]) -> None:
    """Say what is wrong with an interest model from outside mmrec, and what it can't do.

    A warning says if it can't be served live, or if ``step`` or ``last`` differ from ``forward``.
    Nothing is said of a part that can't be copied, or that raises an error here: the training will
    tell. :func:`mmrec.testing.check_interest` checks far more.

    Args:
        recipe: what was given for each slot.
        options: numbers and choices.
        event_types: those of the log.

    Raises:
        ValueError: the part keeps something other than a method under the name of one.
    """
    with seeded(0):
        known = known_sizes(recipe, options, event_types)["interest"]
        made = SLOTS["interest"].create(recipe.of("interest"), known)
        name = path_of(type(made))
        if name.startswith("mmrec.") or not isinstance(made, nn.Module):
            return
        try:
            part: Any = _moved(deepcopy(made).eval())
            given = _histories(part.dim, known["num_event_types"])
            states = part(*given)
        except Exception:  # of any type, since the part is a user's own
            return
        _check_methods(name, part)
        if not isinstance(states, Tensor) or states.shape[:2] != (USERS, EVENTS):
            return
        if not isinstance(part, SteppingInterest):
            log.warning(
                "the interest %s has no initial_state, step and readout: it can be trained and "
                "measured, but not served live",
                name,
            )
        for way, compute in WAYS.items():
            try:
                _warn_of_difference(name, way, compute(part, given), states)
            except Exception:  # as above; or the part lacks this way
                continue


def _histories(dim: int, types: int) -> tuple[Tensor, ...]:
    """Return vectors, mask, gaps and types of random histories."""
    places = USERS, EVENTS
    return (
        torch.randn(*places, dim),
        torch.ones(places).bool(),
        1e5 * torch.rand(places),
        torch.randint(types + 1, places),
    )


def _moved(part: nn.Module) -> nn.Module:
    """Return a part whose weights are as after some training: one of 0 hides what is before it."""
    for weight in part.parameters():
        if weight.requires_grad:
            weight.data += 0.1 * torch.randn_like(weight)
    return part.requires_grad_(False)


def _check_methods(name: str, part: Any) -> None:
    for method in OPTIONAL:
        found = getattr(part, method, None)
        if found is not None and not callable(found):
            raise ValueError(
                f"the interest {name} must have a method {method}, or nothing of that name; got "
                f"{type(found).__name__}, an attribute"
            )


def _folded(part: Any, given: Sequence[Tensor]) -> Tensor:
    """Return the interest after each event, one event at a time."""
    vectors, mask, gap, types = given
    state, interests = part.initial_state(len(mask)), []
    for event in range(mask.shape[1]):
        state = part.step(state, vectors[:, event], gap[:, event], types[:, event])
        interests.append(part.readout(state))
    return torch.stack(interests, dim=1)


def _last(part: Any, given: Sequence[Tensor]) -> Tensor:
    """Return the interest after the last event, ``(B, 1, H)``."""
    last: Tensor = part.last(*given)
    return last.unsqueeze(1)


WAYS: dict[str, Callable[[Any, Sequence[Tensor]], Tensor]] = {"step": _folded, "last": _last}
"""Ways to the interest that must give what ``forward`` gives."""


def _warn_of_difference(name: str, way: str, found: Tensor, wanted: Tensor) -> None:
    """Warn of the largest difference between a way to the last interests and ``forward``."""
    wanted = wanted[:, -found.shape[1] :]
    apart = (found - wanted).abs()
    if float(apart.max()) <= TOLERANCE * max(float(wanted.abs().max()), TOLERANCE):
        return
    place = np.unravel_index(int(apart.argmax()), apart.shape)
    event = EVENTS - found.shape[1] + int(place[1]) + 1
    log.warning(
        "the interest %s gives %.4g by %s where forward gives %.4g, after %s of a random history: "
        "lists differ with the way in which they are made",
        name,
        float(found[place]),
        way,
        float(wanted[place]),
        counted(event, "event"),
    )
