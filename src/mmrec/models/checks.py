"""Checks that the parts of a model fit together; they run when the model is built."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from mmrec.encoders import Encoder
from mmrec.fusion import Fusion
from mmrec.interest import Interest, TargetAwareInterest
from mmrec.layers import check_shape
from mmrec.scoring import Reranker, RetrievalScorer


def check_items(encoders: Mapping[str, Encoder], fusion: Fusion) -> None:
    """Raise a ValueError if encoders and fusion disagree on the modalities or a width."""
    dims = getattr(fusion, "dims", None)
    if not isinstance(dims, Mapping) or not _is_width(fusion, "dim"):
        raise ValueError(
            "a fusion must have dims, the width of each modality by name, and dim, the width of an "
            f"item vector; {type(fusion).__name__} lacks them"
        )
    _check_module("fusion", fusion)
    given = widths(encoders)
    if sorted(given) != sorted(dims):
        raise ValueError(
            f"fusion expects modalities {sorted(dims)}; got encoders for {sorted(given)}"
        )
    for name, width in given.items():
        if width != dims[name]:
            raise ValueError(
                f"fusion expects {name!r} features of width {dims[name]}; got an encoder of width "
                f"{width}"
            )


def widths(encoders: Mapping[str, Encoder]) -> dict[str, int]:
    """Return the width of each encoder's vectors, by modality.

    Raises:
        ValueError: an encoder has no ``dim``.
    """
    for name, encoder in encoders.items():
        if not _is_width(encoder, "dim"):
            raise ValueError(
                "an encoder must have dim, the width of its vectors; the one for "
                f"{name!r}, {type(encoder).__name__}, has none"
            )
    return {name: encoder.dim for name, encoder in encoders.items()}


def check_interest(items: nn.Module, interest: Interest | TargetAwareInterest) -> None:
    """Raise a ValueError unless the interest model takes the vectors of the items."""
    if not _is_width(items, "dim"):
        raise ValueError(
            f"items must have dim, the width of an item vector; {type(items).__name__} has none"
        )
    for name in ("dim", "interest_dim"):
        if not _is_width(interest, name):
            raise ValueError(
                "an interest must have dim, the width of an item vector, and interest_dim, the "
                f"width of its output; {type(interest).__name__} has no {name}"
            )
    _check_module("interest", interest)
    if interest.dim != items.dim:
        raise ValueError(f"interest expects item vectors of width {interest.dim}; got {items.dim}")


def check_history_alone(interest: Interest) -> None:
    """Raise a ValueError for an interest model that depends on the candidate."""
    if isinstance(interest, TargetAwareInterest):
        raise ValueError(
            "interest expects a model that reads a history alone; got "
            f"{type(interest).__name__}, which depends on the candidate: use it in a ClickModel"
        )


def check_users(users: nn.Module | None, interest: Interest) -> None:
    """Raise a ValueError unless an interest model can start from the vectors of users."""
    if users is None:
        return
    if not _is_width(users, "dim") or users.dim != interest.dim:
        raise ValueError(
            f"interest expects users of width {interest.dim}; got {getattr(users, 'dim', None)}"
        )
    if (window := getattr(interest, "window", None)) is not None:
        raise ValueError(
            f"an interest that starts from features of users must have no window; "
            f"{type(interest).__name__} reads the last {window} events alone: use gru4rec, lrurec, "
            f"narm or mean"
        )


def check_scorer(scorer: RetrievalScorer, interest_dim: int, dim: int) -> None:
    """Raise a ValueError unless the scorer scores and indexes vectors of these widths."""
    _check_module("scorer", scorer)
    for name in ("index_vectors", "index_queries"):
        if not callable(getattr(scorer, name, None)):
            raise ValueError(
                "a scorer must have index_vectors and index_queries, whose products are the "
                f"scores, so that it can be served; {type(scorer).__name__} has no {name}"
            )
    states, vectors = inputs_like(scorer, 2, interest_dim), inputs_like(scorer, 3, dim)
    with _probing(scorer):
        scores = probe("scorer", scorer, (states, vectors), (2, 3))
        keys = probe("index_vectors of the scorer", scorer.index_vectors, (vectors,), (3, "K"))
        found = (2, keys.shape[1])
        queries = probe("index_queries of the scorer", scorer.index_queries, (states,), found)
    if not torch.allclose(queries.float() @ keys.float().T, scores.float(), rtol=1e-2, atol=1e-3):
        raise ValueError(
            "index_queries @ index_vectors.T of a scorer must equal its scores, since it is served "
            f"from an index; those of {type(scorer).__name__} differ"
        )


def check_reranker(
    reranker: Reranker | None, interest_dim: int, dim: int, *, role: str = "reranker"
) -> None:
    """Raise a ValueError unless the reranker scores candidates of these widths."""
    if reranker is None:
        return
    _check_module(role, reranker)
    states, candidates = inputs_like(reranker, 2, interest_dim), inputs_like(reranker, 2, 3, dim)
    with _probing(reranker):
        probe(role, reranker, (states, candidates), (2, 3))


def _is_width(part: object, name: str) -> bool:
    return isinstance(getattr(part, name, None), Integral)


def _check_module(role: str, part: object) -> None:
    if not isinstance(part, nn.Module):
        raise ValueError(f"{role} must be an nn.Module; got {type(part).__name__}")


def inputs_like(part: object, *shape: int) -> Tensor:
    """Return inputs of the device and type of a part's parameters or buffers; nothing is drawn."""
    tensors = [*part.parameters(), *part.buffers()] if isinstance(part, nn.Module) else []
    like = next((value for value in tensors if value.is_floating_point()), torch.empty(0))
    values = torch.linspace(-1, 1, math.prod(shape), device=like.device)
    return values.reshape(shape).to(like.dtype)


@contextmanager
def _probing(part: object) -> Iterator[None]:
    """Put a part in evaluation mode without gradients for a while."""
    modules = list(part.modules()) if isinstance(part, nn.Module) else []
    modes = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        with torch.no_grad():
            yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


def probe(
    role: str,
    function: Callable[..., Tensor],
    inputs: Sequence[Any],
    shape: tuple[int | str, ...],
    what: str = "",
) -> Tensor:
    """Call a function; raise a ValueError if it fails or returns another shape.

    ``what`` says what the inputs are; by default their shapes.
    """
    taken = what or "inputs of shape " + " and ".join(str(tuple(value.shape)) for value in inputs)
    try:
        output = function(*inputs)
    except Exception as error:  # of any type, since the function may be a user's own
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"{role} must take {taken}; got {type(error).__name__}: {reason}"
        ) from error
    taken = what or taken.replace(" of shape", "")
    check_shape(f"{role} must map {taken} to an output", output, shape)
    return output
