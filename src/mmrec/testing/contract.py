"""A contract: its clauses are checked one after the other, and a broken one is an error."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from mmrec.layers import seeded


class ContractError(AssertionError):
    """A part breaks a clause of its contract.

    The message is one sentence: the part, the clause, what was expected and what arrived.
    """


class Contract:
    """The clauses that a part keeps.

    Args:
        part: name of the part, for messages.
        skip: names of clauses that are not checked.

    Attributes:
        checked: names of the clauses that were checked and hold.

    Example:
        >>> contract = Contract("Halved")
        >>> contract.clause("sign", lambda: expect(1 > 0, "a positive number", 1))
        >>> contract.checked
        ['sign']
        >>> contract.clause("size", lambda: expect(1 > 2, "more than 2", 1))
        Traceback (most recent call last):
        ...
        mmrec.testing.contract.ContractError: Halved breaks 'size': expected more than 2; got 1
    """

    def __init__(self, part: str, skip: Sequence[str] = ()) -> None:
        self.part, self.skip = part, skip
        self.checked: list[str] = []

    def clause(self, name: str, check: Callable[..., None], *arguments: Any) -> None:
        """Check one clause, unless it is skipped, with the same random numbers each time.

        Raises:
            ContractError: the check raises an error, of whatever type.
        """
        if name in self.skip:
            return
        try:
            with seeded(0):
                check(*arguments)
        except ContractError as error:
            raise ContractError(f"{self.part} breaks {name!r}: {error}") from None
        except Exception as error:  # of any type, since the part may be a user's own
            arrived = f"{type(error).__name__}: {first_line(error)}"
            raise ContractError(
                f"{self.part} breaks {name!r}: expected no error; got {arrived}"
            ) from error
        self.checked.append(name)


def expect(holds: bool, expected: str, got: object) -> None:
    """Raise a :class:`ContractError` unless something holds."""
    if not holds:
        raise ContractError(f"expected {expected}; got {got}")


def expect_close(found: Tensor, wanted: Tensor, expected: str, *, tolerance: float = 1e-4) -> None:
    """Raise a :class:`ContractError` unless two tensors are nearly the same.

    Args:
        found: the tensor that is checked.
        wanted: what it should be; all of it finite.
        expected: what is expected, for the message.
        tolerance: largest difference, as a share of the largest value that is wanted.

    Example:
        >>> import torch
        >>> expect_close(torch.ones(2), torch.tensor([1.0, 1.5]), "the same numbers")
        Traceback (most recent call last):
        ...
        mmrec.testing.contract.ContractError: expected the same numbers; got a difference of 0.5
    """
    expect(found.shape == wanted.shape, f"{expected}, {_of(wanted)}", _of(found))
    if not found.numel():
        return
    found, wanted = found.detach(), wanted.detach()
    expect(bool(found.isfinite().all()), expected, "NaN or infinity")
    scale = max(float(wanted.abs().max()), 1e-3)
    difference = float((found.double() - wanted.double()).abs().max())
    expect(difference <= tolerance * scale, expected, f"a difference of {difference:.3g}")


def expect_output(
    found: object, shape: tuple[int, ...], of: str, *, dtype: torch.dtype | None = None
) -> None:
    """Raise a :class:`ContractError` unless an output is finite, floating, and has a shape.

    Args:
        found: the output.
        shape: the shape that is expected.
        of: what the output is of, for the message.
        dtype: the type that is expected; None for any.
    """
    expected = f"a tensor of shape {shape} of {of}"
    if not isinstance(found, Tensor):
        raise ContractError(f"expected {expected}; got {type(found).__name__}")
    expect(tuple(found.shape) == shape, expected, f"shape {tuple(found.shape)}")
    expect(found.is_floating_point(), f"floating numbers of {of}", found.dtype)
    if dtype is not None:
        expect(found.dtype == dtype, f"numbers of {of} in {dtype}, as the inputs", found.dtype)
    expect(bool(found.isfinite().all()), f"finite numbers of {of}", "NaN or infinity")


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return str(error).strip().split("\n")[0]


def _of(tensor: Tensor) -> str:
    return f"of shape {tuple(tensor.shape)}"
