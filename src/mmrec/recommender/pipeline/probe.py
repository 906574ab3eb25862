"""Copies of parts are called once before a training, so that a wrong part is found at once."""

from copy import deepcopy
from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmrec.models import SequentialModel
from mmrec.models.checks import inputs_like, probe
from mmrec.recommender.parts import path_of


def check_outputs(model: SequentialModel, device: torch.device) -> None:
    """Raise a ``ValueError`` unless parts of a model return finite numbers of the right shapes.

    A copy of each part is called, in the mode of the part. One that can't be copied is left out.

    Args:
        model: the model, before its training.
        device: where it will be trained.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> from mmrec.models import gru4rec
        >>> model = gru4rec({"id": IdEncoder(9, 16)}, dim=16)
        >>> with torch.no_grad():
        ...     for weight in model.interest.parameters():
        ...         _ = weight.fill_(torch.nan)
        >>> check_outputs(model, torch.device("cpu"))
        Traceback (most recent call last):
        ...
        ValueError: the interest GRUInterest must map vectors (2, 3, 16), ... to finite numbers; ...
    """
    checks = {
        "fusion": (model.items.fusion, _check_fusion),
        "interest": (model.interest, _check_interest),
        "scorer": (model.scorer, _check_scorer),
        "reranker": (model.reranker, _check_reranker),
    }
    drawing = [device] if device.type == "cuda" else []
    for slot, (part, check) in checks.items():
        if part is None or (copied := _copied(part)) is None:
            continue
        with torch.no_grad(), torch.random.fork_rng(devices=drawing):
            check(f"the {slot} {_name_of(part)}", copied.to(device), model, device)


def _check_fusion(role: str, fusion: Any, model: SequentialModel, device: torch.device) -> None:
    """Check the vectors of three items, of which one has no modality."""
    features = {n: inputs_like(fusion, 3, width).to(device) for n, width in fusion.dims.items()}
    present = dict.fromkeys(features, torch.tensor([True, True, False], device=device))
    what = f"the features and present of 3 items, of widths {dict(fusion.dims)}"
    output = probe(role, fusion, (features, present), (3, fusion.dim), what)
    _check_finite(role, what, output)


def _check_interest(role: str, interest: Any, model: SequentialModel, device: torch.device) -> None:
    """Check the interests of two histories; what lies in padding is never read."""
    vectors = inputs_like(interest, 2, 3, interest.dim).to(device)
    mask = torch.tensor([[True, True, True], [True, False, False]], device=device)
    gap = torch.zeros_like(mask).float()
    given = vectors, mask, gap, torch.zeros_like(mask).long()
    what = f"vectors (2, 3, {interest.dim}), mask, gap and event_type, each (2, 3)"
    output = probe(role, interest, given, (2, 3, interest.interest_dim), what)
    _check_finite(role, what, output[mask])
    output = interest(vectors, mask, gap - 1, given[3])
    _check_finite(role, f"{what}, also where a gap is unknown (-1),", output[mask])


def _check_scorer(role: str, scorer: Any, model: SequentialModel, device: torch.device) -> None:
    """Check the scores of three items for two interests."""
    states = inputs_like(scorer, 2, model.interest.interest_dim).to(device)
    vectors = inputs_like(scorer, 3, model.items.dim).to(device)
    _check_two_rows(role, scorer, states, vectors)


def _check_reranker(role: str, reranker: Any, model: SequentialModel, device: torch.device) -> None:
    """Check the scores of three candidates for each of two interests."""
    states = inputs_like(reranker, 2, model.interest.interest_dim).to(device)
    candidates = inputs_like(reranker, 2, 3, model.items.dim).to(device)
    _check_two_rows(role, reranker, states, candidates)


def _check_two_rows(role: str, scorer: Any, states: Tensor, candidates: Tensor) -> None:
    what = f"inputs {tuple(states.shape)} and {tuple(candidates.shape)}"
    _check_finite(role, what, probe(role, scorer, (states, candidates), (2, 3), what))


def _check_finite(role: str, what: str, output: Tensor) -> None:
    if not output.is_floating_point() or not bool(output.isfinite().all()):
        got = "NaN or infinity" if output.is_floating_point() else output.dtype
        raise ValueError(f"{role} must map {what} to finite numbers; got {got}")


def check_loss(loss: Any) -> None:
    """Raise a ``ValueError`` unless a loss returns one finite number that has a gradient.

    It must have no weights other than the parameters of a module, because others are not trained. A
    copy of it is called with few scores, on the CPU. Nothing is said of a loss that can't be
    copied, or that raises an error for them.

    Example:
        >>> check_loss(lambda logits, target, candidates, log_q: logits.sum(1))
        Traceback (most recent call last):
        ...
        ValueError: the loss <lambda> must return one number, a tensor of shape (); got (3,)
    """
    role = f"the loss {_name_of(loss)}"
    logits = torch.linspace(-1, 1, 18).view(3, 6).requires_grad_()
    candidates = torch.tensor([False, True, True, True, True, False])
    given = logits, torch.tensor([1, 2, 5]), candidates, torch.full((6,), 0.5).log()
    try:
        signature(loss.forward if isinstance(loss, nn.Module) else loss).bind(*given)
    except ValueError:  # a signature that can't be read
        pass
    except TypeError as error:
        raise ValueError(
            f"{role} must take logits (N, P), target (N,), candidates (P,) and log_q (P,), by "
            f"position; got {_first_line(error)}"
        ) from error
    if (copied := _copied(loss)) is None:
        return
    try:
        with torch.random.fork_rng(devices=[]):
            value = copied(*given)
    except Exception:  # it may need a larger pool or another device; training will tell
        return
    got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
    if got != ():
        raise ValueError(f"{role} must return one number, a tensor of shape (); got {got}")
    if not value.requires_grad:
        raise ValueError(f"{role} must have a gradient of the logits; got a number without one")
    if not bool(value.isfinite()):
        raise ValueError(
            f"{role} must be finite for scores from -1 to 1; got {float(value.detach())}"
        )
    known = {id(one) for one in copied.parameters()} if isinstance(copied, nn.Module) else set()
    if others := [one for one in leaves_of(value) if one is not logits and id(one) not in known]:
        raise ValueError(
            f"{role} must keep its weights as parameters of an nn.Module, since others are not "
            f"trained; got others of shapes {[tuple(one.shape) for one in others]}"
        )


def leaves_of(value: Tensor) -> list[Tensor]:
    """Return the tensors that get a gradient of a number."""
    found, left, met = list[Tensor](), [value.grad_fn], set[Any]()
    while left:
        node: Any = left.pop()
        if node is None or node in met:
            continue
        met.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        left += [following for following, _ in node.next_functions]
    return found


def check_sampler(sampler: Any, catalog_size: int) -> None:
    """Raise a ``ValueError`` unless a draw has different items of the catalogue, ascending.

    A sampler must have no weights to train, because what it draws has no gradient. A copy of it
    draws; nothing is said of one that can't be copied.

    Args:
        sampler: the sampler.
        catalog_size: number of items, V; their indices are 1 to V.

    Example:
        >>> from mmrec.sampling import FullSampler
        >>> check_sampler(FullSampler(np.array([1, 9])), 5)
        Traceback (most recent call last):
        ...
        ValueError: the negatives FullSampler must draw indices of the catalogue, from 1 to 5; got 9
    """
    role = f"the negatives {_name_of(sampler)}"
    weights = sampler.named_parameters() if isinstance(sampler, nn.Module) else ()
    if trained := [name for name, value in weights if value.requires_grad]:
        raise ValueError(
            f"{role} must have no weights to train, because draws have no gradient; got {trained}: "
            f"freeze them with requires_grad_(False)"
        )
    if (copied := _copied(sampler)) is None:
        return
    with torch.random.fork_rng(devices=[]):
        _check_draw(role, copied, catalog_size)


def _check_draw(role: str, sampler: Any, catalog_size: int) -> None:
    try:
        drawn = sampler.draw(np.random.default_rng(0))
    except Exception as error:
        raise ValueError(
            f"{role} must draw items by draw(rng), of a np.random.Generator; got "
            f"{_first_line(error)}"
        ) from error
    right = isinstance(drawn, np.ndarray) and drawn.ndim == 1 and drawn.dtype.kind in "iu"
    if not right:
        got = (
            f"{drawn.dtype} {drawn.shape}"
            if isinstance(drawn, np.ndarray)
            else type(drawn).__name__
        )
        raise ValueError(f"{role} must draw a one-dimensional array of whole numbers; got {got}")
    if (odd := drawn[(drawn < 1) | (drawn > catalog_size)]).size:
        raise ValueError(
            f"{role} must draw indices of the catalogue, from 1 to {catalog_size}; got {odd[0]}"
        )
    if (odd := np.flatnonzero(drawn[1:] <= drawn[:-1])).size:
        first, second = drawn[odd[0] : odd[0] + 2]
        raise ValueError(f"{role} must draw different items, ascending; got {second} after {first}")
    _check_log_inclusion(role, sampler, drawn)


def _check_log_inclusion(role: str, sampler: Any, drawn: np.ndarray) -> None:
    try:
        said = np.asarray(sampler.log_inclusion(drawn))
    except Exception as error:
        raise ValueError(
            f"{role} must say log_inclusion(items) of an array of items; got {_first_line(error)}"
        ) from error
    if said.shape != drawn.shape:
        raise ValueError(
            f"log_inclusion of {role} must have a number for each of {len(drawn)} items; got "
            f"shape {said.shape}"
        )
    if (odd := said[~((said > -np.inf) & (said <= 1e-6))]).size:
        raise ValueError(
            f"log_inclusion of {role} must be a logarithm of a probability, and above -inf for an "
            f"item that was drawn; got {odd[0]}"
        )


def _copied(part: Any) -> Any:
    """Return a copy of a part, whose calls do not change the part; None if it can't be copied."""
    try:
        return deepcopy(part)
    except Exception:  # of any type, since the part may be a user's own
        return None


def _name_of(part: Any) -> str:
    while hasattr(part, "func"):
        part = part.func
    return path_of(part if hasattr(part, "__qualname__") else type(part)).rpartition(".")[2]


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
