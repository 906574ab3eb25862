"""The contract of an encoder."""

import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrec.encoders import Encoder
from mmrec.encoders.lower import why_whole
from mmrec.encoders.protocol import has_layers, reads_raw_values
from mmrec.testing.contract import expect, expect_close
from mmrec.testing.making import begin
from mmrec.testing.modules import Case, Inputs, check_module, expect_module, expect_width


def check_encoder(
    factory: Encoder | Callable[[], Encoder],
    inputs: Tensor | Mapping[str, Tensor] | Sequence[Any],
    *,
    compile: bool = False,
    skip: Sequence[str] = (),
) -> list[str]:
    """Check that a part keeps the contract of :class:`mmrec.encoders.Encoder`.

    If it has a ``transform``, that of :class:`mmrec.encoders.RawEncoder` is checked too; if it
    has frozen layers that can be left out, so is that of :class:`mmrec.encoders.LayeredEncoder`.

    Args:
        factory: a class or function that makes an encoder without arguments, a
            :func:`functools.partial` that sets them, or a built encoder.
        inputs: inputs of at least two different items: a tensor, or a dict of tensors, with a row
            for each. For an encoder of raw values, a list of these: texts, or images.
        compile: whether to check ``torch.compile`` too, which takes a minute or more.
        skip: names of clauses that are not checked, such as ``("gradcheck",)``.

    Returns:
        The names of the clauses that were checked.

    Raises:
        ContractError: a clause is broken.
        ValueError: the part can't be made, or there are fewer than two inputs.

    Example:
        >>> from functools import partial
        >>> from mmrec.encoders import IdEncoder
        >>> check_encoder(partial(IdEncoder, vocabulary_size=9, dim=4), torch.arange(1, 6))[:3]
        ['attributes', 'shapes', 'inputs stay']
    """
    contract, part, make = begin("encoder", factory, {}, skip)
    contract.clause("attributes", _attributes, part)
    if reads_raw_values(part):
        contract.clause("transform", _transform, part, inputs)
        contract.clause("fingerprint", _fingerprint, make)
        inputs = part.transform(inputs)
    if has_layers(part) and why_whole(part) is None:
        contract.clause("lower", _lower, make, inputs)
    given = {"": inputs} if isinstance(inputs, Tensor) else _tensors(inputs)
    if (items := len(next(iter(given.values())))) < 2:
        raise ValueError(f"check_encoder expects inputs of 2 items or more; got {items}")
    case = Case(make, _encode, given, "items", (part.dim,))
    check_module(contract, case, compile=compile)
    contract.clause("dtype", _dtype, case)
    return contract.checked


def _dtype(case: Case) -> None:
    """Vectors may be narrower than float32; wider ones fit no layer behind them."""
    wide = any(value.dtype == torch.float64 for value in case.inputs.values())
    found = case.run(case.make()).dtype
    expect(wide or found != torch.float64, "vectors in float32, or narrower", found)


def _attributes(part: Any) -> None:
    expect_module(part)
    expect_width(part, "dim")


def _tensors(inputs: Any) -> Inputs:
    right = isinstance(inputs, Mapping) and all(isinstance(v, Tensor) for v in inputs.values())
    if not right or not inputs:
        kind = type(inputs).__name__
        raise ValueError(f"check_encoder expects a tensor or a dict of tensors; got {kind}")
    return dict(inputs)


def _encode(part: Any, given: Inputs) -> Tensor:
    vectors: Tensor = part(given.get("", given))
    return vectors


def _transform(part: Any, values: Sequence[Any]) -> None:
    copied = pickle.loads(pickle.dumps(part.transform))
    with torch.no_grad():
        vectors = part(part.transform(values))
        expected = "the same vectors with a transform that was pickled"
        expect_close(part(copied(values)), vectors, expected)
        alone = part(part.transform(values[:1]))
        expected = "a vector that does not depend on the other values of a transform"
        expect_close(alone, vectors[:1], expected, tolerance=1e-3)


def _lower(make: Callable[[], Any], inputs: Any) -> None:
    part = make()
    for mode in (False, True):
        part.train(mode)
        found, wanted = (_gradients(part, given) for given in (part.lower(inputs), inputs))
        expected = "the same vectors from the states of frozen layers"
        expect_close(found[0], wanted[0], expected, tolerance=1e-3)
        for one, other in zip(found[1], wanted[1], strict=True):
            expected = "the same gradients from the states of frozen layers"
            expect_close(one, other, expected, tolerance=1e-3)


def _gradients(part: nn.Module, inputs: Any) -> tuple[Tensor, list[Tensor]]:
    """Return vectors and gradients, with the same random numbers each time."""
    learns = [parameter for parameter in part.parameters() if parameter.requires_grad]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vectors = part(inputs)
    total = vectors.sin().sum()
    none: tuple[None, ...] = (None,) * len(learns)
    graph = total.requires_grad
    found = torch.autograd.grad(total, learns, allow_unused=True) if graph else none
    pairs = zip(found, learns, strict=True)
    return vectors.detach(), [torch.zeros_like(p) if g is None else g for g, p in pairs]


def _fingerprint(make: Callable[[], nn.Module]) -> None:
    part: Any = make()
    first = part.fingerprint()
    expect(isinstance(first, str), "a fingerprint that is text", type(first).__name__)
    expect(part.fingerprint() == first, f"the same fingerprint each time, {first}", "another")
    with torch.no_grad():
        for weight in part.parameters():
            weight.add_(1)
    changed = part.fingerprint() != first or not list(part.parameters())
    expect(changed, "another fingerprint where weights are changed", "the same")
