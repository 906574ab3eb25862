"""The contracts of encoders."""

from typing import Any, Protocol, TypeGuard, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn


@runtime_checkable
class Encoder(Protocol):
    """An ``nn.Module`` that turns the inputs of one modality into one vector per item.

    In evaluation mode a vector must not depend on other items.
    :func:`mmrec.testing.check_encoder` checks an encoder.
    """

    @property
    def dim(self) -> int:
        """Width of a vector."""
        ...

    def __call__(self, inputs: Any, /) -> Float[Tensor, "n dim"]:
        """Return one vector per input.

        Args:
            inputs: a tensor, or a dict of tensors, with a row for each item that has the modality.
        """
        ...


@runtime_checkable
class RawEncoder(Encoder, Protocol):
    """An encoder of raw values, such as texts and images.

    Such encoders are pretrained and large. If they are trained, they have a learning rate of their
    own and take their inputs in chunks.
    """

    @property
    def transform(self) -> Any:
        """A picklable callable that turns raw values into inputs, in a data-loader worker."""
        ...

    def fingerprint(self) -> str:
        """Return a hash of everything that decides the vectors, the key of stored features."""
        ...


@runtime_checkable
class LayeredEncoder(RawEncoder, Protocol):
    """A raw encoder whose frozen lower layers can run apart from the trained ones above them.

    ``encoder(encoder.lower(inputs))`` is ``encoder(inputs)``, gradients included.
    """

    def lower(self, inputs: Any, /) -> dict[str, Tensor]:
        """Return inputs that start above the frozen layers.

        Returns:
            ``states``, the output of the last frozen layer, ``(n, L, ...)``, and for texts
            ``attention_mask``, ``(n, L)``: padding is on the right, and its states are 0.

        Raises:
            ValueError: no layer is frozen below trained ones, or the model can't run in two parts.
        """
        ...

    def sample(self) -> Any:
        """Return inputs of two items or more, the same each time, on the encoder's device."""
        ...


def reads_raw_values(encoder: nn.Module) -> bool:
    """Return whether an encoder is a :class:`RawEncoder`: whether it has a ``transform``."""
    # From Python 3.12 on, `isinstance` would not find a transform that is a module itself.
    return hasattr(encoder, "transform")


def has_layers(encoder: Any) -> TypeGuard[LayeredEncoder]:
    """Return whether an encoder is a :class:`LayeredEncoder`: whether it has ``lower`` too."""
    parts = (getattr(encoder, name, None) for name in ("lower", "sample"))
    return reads_raw_values(encoder) and all(map(callable, parts))
