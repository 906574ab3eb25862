"""The negatives of a row: every candidate of the pool except padding and the row's target."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def candidate_slots(
    logits: Float[Tensor, "N P"], candidates: Bool[Tensor, " P"] | None
) -> Bool[Tensor, " P"]:
    """Return the pool's candidates: all slots by default, and never slot 0, which is padding."""
    if candidates is None:
        slots = torch.ones(logits.shape[1], dtype=torch.bool, device=logits.device)
    else:
        slots = candidates.clone()
    slots[0] = False
    return slots


def check_shapes(
    logits: Tensor, target: Tensor, candidates: Tensor | None, log_q: Tensor | None = None
) -> None:
    """Raise a ValueError unless logits (N, P), target (N,), candidates (P,) and log_q (P,) agree.

    Targets must be integers, candidates booleans.
    """
    if logits.ndim != 2 or target.shape != logits.shape[:1]:
        raise ValueError(
            "a loss expects logits (N, P) and target (N,); "
            f"got {tuple(logits.shape)} and {tuple(target.shape)}"
        )
    for name, value in (("candidates", candidates), ("log_q", log_q)):
        if value is not None and value.shape != logits.shape[1:]:
            raise ValueError(
                f"{name} expects one value per slot, ({logits.shape[1]},); got {tuple(value.shape)}"
            )
    if target.is_floating_point() or target.dtype == torch.bool:
        raise ValueError(f"target expects integers; got {target.dtype}")
    if candidates is not None and candidates.dtype != torch.bool:
        raise ValueError(f"candidates expects booleans; got {candidates.dtype}")


def split_target(
    scores: Float[Tensor, "N P"], target: Int[Tensor, " N"], candidates: Bool[Tensor, " P"] | None
) -> tuple[Float[Tensor, "N 1"], Bool[Tensor, "N P"]]:
    """Return the score of each row's target, and the mask of each row's negatives."""
    column = target.unsqueeze(1)
    negatives = candidate_slots(scores, candidates).repeat(len(scores), 1)
    negatives.scatter_(1, column, False)
    return scores.gather(1, column), negatives
