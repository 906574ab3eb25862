"""An interest with the mean directions of the last items beside it."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmrec.affinities.content import NOVELTY_COLUMNS
from mmrec.interest import Interest, LastInterest, SteppingInterest

UNFELT = 1e-6
"""Weight below which an event no longer changes the mean direction."""


class AffinityState(tuple[Tensor, ...]):
    """The decayed sum of directions ``(B, E)``, and the tensors of the interest model's state."""

    def __new__(cls, *parts: Tensor) -> "AffinityState":
        """Return the state of these tensors."""
        return super().__new__(cls, parts)


class AffinityInterest(nn.Module):
    """Puts the direction of the last items beside an interest, so that a product adds affinities.

    An item vector is the learned one (D), followed by blocks of directions (E). The result is the
    interest of the learned vectors (H), followed for each block by ``weight · m / |m|`` with
    ``m = Σ decay^age · direction``, where each direction has length 1: its product with an item's
    block is ``weight`` times the length of the block times the cosine of the item and the mean of
    the last items. An event that says no is subtracted.

    With ``novelty``, the last block tells new items, see
    :class:`mmrec.affinities.ContentDirections`, and every history with an event adds ``constant``
    to their score.

    Args:
        interest: the interest model of the learned vectors.
        blocks: width of each block.
        decay: weight of an event relative to the one after it.
        negative_types: event types that say no.
        novelty: whether the last block tells new items.

    Example:
        >>> from mmrec.interest import GRUInterest
        >>> interest = AffinityInterest(GRUInterest(2), [2], decay=0.5).eval()
        >>> interest.weights.fill_(3.0)
        tensor([3.])
        >>> vectors = torch.tensor([[[9.0, 9.0, 1.0, 0.0], [9.0, 9.0, 0.0, 1.0]]])
        >>> interest(vectors, torch.tensor([[True, True]]))[0, :, 2:].detach()
        tensor([[3.0000, 0.0000],
                [1.3416, 2.6833]])
    """

    weights: Tensor
    constant: Tensor

    def __init__(
        self,
        interest: Interest,
        blocks: Sequence[int],
        *,
        decay: float = 0.8,
        negative_types: Sequence[int] = (),
        novelty: bool = False,
    ) -> None:
        super().__init__()
        self.interest, self.blocks, self.novelty = interest, list(blocks), novelty
        self.decay, self.negative_types = decay, list(negative_types)
        self.register_buffer("weights", torch.zeros(len(self.blocks)))
        if novelty:
            self.register_buffer("constant", torch.zeros(()))

    @property
    def dim(self) -> int:
        """Width of an item vector, D + E."""
        return self.interest.dim + sum(self.blocks)

    @property
    def interest_dim(self) -> int:
        """Width of the result, H + E."""
        return self.interest.interest_dim + sum(self.blocks)

    @property
    def window(self) -> int | None:
        """Last events of a history that change the result; None for all."""
        window: int | None = getattr(self.interest, "window", None)
        if window is None or self.decay >= 1:
            return None
        felt = math.ceil(math.log(UNFELT) / math.log(self.decay)) if self.decay > 0 else 1
        return max(window, felt)

    def forward(
        self,
        vectors: Float[Tensor, "B T _"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None = None,
        event_type: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T _"]:
        """Return the interest after each event; see :class:`mmrec.interest.Interest`."""
        learned, directions = self._split(vectors)
        states = self.interest(learned, mask, gap, event_type)
        signed = self._signed(directions.masked_fill(~mask.unsqueeze(-1), 0), event_type)
        age = torch.arange(mask.shape[1], device=mask.device)
        age = age.unsqueeze(1) - age
        decay = torch.where(age >= 0, self.decay ** age.clamp(min=0).float(), 0.0)
        sums = torch.einsum("ts,bse->bte", decay.to(signed.dtype), signed)
        return torch.cat([states, self._weighted(sums) * mask.unsqueeze(-1)], dim=-1)

    def last(
        self,
        vectors: Float[Tensor, "B T _"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None = None,
        event_type: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B _"]:
        """Return the result of ``forward`` after the last event; zeros where there is none."""
        learned, directions = self._split(vectors)
        lengths = mask.sum(1, keepdim=True)
        if isinstance(self.interest, LastInterest):
            state = self.interest.last(learned, mask, gap, event_type)
        else:
            after = self.interest(learned, mask, gap, event_type)
            rows = torch.arange(len(after), device=after.device)
            state = after[rows, (lengths[:, 0] - 1).clamp(min=0)]
        recent = self.recent(directions, mask, event_type)
        return torch.cat([state, self._weighted(recent)], dim=-1)

    def recent(
        self,
        directions: Float[Tensor, "B T E"],
        mask: Bool[Tensor, "B T"],
        event_type: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B E"]:
        """Return the mean direction of the last items, of length 1 in each block."""
        age = mask.sum(1, keepdim=True) - 1 - torch.arange(mask.shape[1], device=mask.device)
        decay = torch.where(mask, self.decay ** age.clamp(min=0).float(), 0.0)
        signed = self._signed(directions.masked_fill(~mask.unsqueeze(-1), 0), event_type)
        sums = torch.einsum("bs,bse->be", decay.to(signed.dtype), signed)
        return torch.cat([F.normalize(p, dim=-1) for p in sums.split(self.blocks, dim=-1)], dim=-1)

    def _split(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Return the learned vectors and the directions; those of a user's features are zero."""
        own, width = self.interest.dim, self.dim
        if vectors.shape[-1] == own:
            vectors = F.pad(vectors, (0, width - own))
        if vectors.shape[-1] != width:
            raise ValueError(
                f"the interest expects item vectors of width {width}; got {vectors.shape[-1]}"
            )
        return vectors[..., :own], vectors[..., own:]

    def _signed(self, directions: Tensor, event_type: Tensor | None) -> Tensor:
        """Return directions of length 1, or 0, turned round for events that say no."""
        blocks = directions.split(self.blocks, dim=-1)
        directions = torch.cat([F.normalize(block, dim=-1) for block in blocks], dim=-1)
        if event_type is None or not self.negative_types:
            return directions
        no = torch.isin(event_type, torch.tensor(self.negative_types, device=event_type.device))
        return torch.where(no.unsqueeze(-1), -directions, directions)

    def _weighted(self, sums: Float[Tensor, "*batch E"]) -> Float[Tensor, "*batch E"]:
        parts = sums.split(self.blocks, dim=-1)
        weighted = [w * F.normalize(p, dim=-1) for w, p in zip(self.weights, parts, strict=True)]
        if self.novelty:
            some = (parts[-1] != 0).any(-1, keepdim=True)  # an empty history has no interest
            weighted[-1] = weighted[-1] + F.pad(some * self.constant, (0, NOVELTY_COLUMNS - 1))
        return torch.cat(weighted, dim=-1)


class SteppingAffinityInterest(AffinityInterest):
    """An :class:`AffinityInterest` whose interest model has ``step``; folding it gives ``forward``.

    Example:
        >>> from mmrec.interest import GRUInterest
        >>> interest = SteppingAffinityInterest(GRUInterest(2), [2]).eval()
        >>> state = interest.step(interest.initial_state(1), torch.ones(1, 4))
        >>> interest.readout(state).shape
        torch.Size([1, 4])
    """

    def initial_state(self, batch_size: int) -> AffinityState:
        """Return the state of users without events."""
        sums = self.weights.new_zeros(batch_size, sum(self.blocks))
        return AffinityState(sums, *self._parts(self._stepping.initial_state(batch_size)))

    def step(
        self,
        state: AffinityState,
        vectors: Float[Tensor, "B _"],
        gap: Float[Tensor, " B"] | None = None,
        event_type: Int[Tensor, " B"] | None = None,
    ) -> AffinityState:
        """Return the state after one more event of each user."""
        learned, directions = self._split(vectors)
        sums = self.decay * state[0] + self._signed(directions, event_type)
        inner = self._stepping.step(self._inner(state), learned, gap, event_type)
        return AffinityState(sums, *self._parts(inner))

    def readout(self, state: AffinityState) -> Float[Tensor, "B _"]:
        """Return the interest of a state."""
        interest = self._stepping.readout(self._inner(state))
        return torch.cat([interest, self._weighted(state[0])], dim=-1)

    @property
    def _stepping(self) -> SteppingInterest:
        return cast(SteppingInterest, self.interest)

    def _parts(self, inner: Any) -> tuple[Tensor, ...]:
        return (inner,) if isinstance(inner, Tensor) else tuple(inner)

    def _inner(self, state: AffinityState) -> Any:
        """Return the state of the interest model in its own form."""
        return state[1] if issubclass(self._form, Tensor) else self._form(*state[1:])

    @cached_property
    def _form(self) -> type:
        """The type of a state of the interest model."""
        return type(self._stepping.initial_state(1))
