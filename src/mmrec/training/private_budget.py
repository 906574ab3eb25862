"""The privacy budget: the noise it requires, and the epsilon that was spent."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def noise_multiplier(epsilon: float, delta: float, sample_rate: float, steps: int) -> float:
    """Return the noise for which training costs ``epsilon``, in multiples of ``max_grad_norm``.

    Raises:
        ImportError: Opacus is not installed.
        ValueError: no noise is sufficient.
    """
    needs_opacus()
    from opacus.accountants.utils import get_noise_multiplier

    try:
        with _quiet():
            noise: float = get_noise_multiplier(
                target_epsilon=epsilon,
                target_delta=delta,
                sample_rate=sample_rate,
                steps=steps,
                accountant="rdp",
                epsilon_tolerance=epsilon / 1000,
            )
            return noise
    except ValueError as error:
        raise ValueError(
            f"no noise reaches epsilon {epsilon} with delta {delta} in {steps} steps; try more of "
            f"either"
        ) from error


def spent(accountant: Any, delta: float) -> float:
    """Return the epsilon of the steps that an accountant has recorded, for ``delta``."""
    with _quiet():
        return float(accountant.get_epsilon(delta))


def needs_opacus() -> None:
    """Raise an ImportError that names the extra if Opacus is not installed."""
    try:
        import opacus.optimizers  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "training with privacy needs Opacus: pip install 'mmrec[privacy]'"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the warning of Opacus that a valid bound could be tighter."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Optimal order is the")
        yield
