"""Why an item is on a list: the past items and the modalities that carry its score."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmrec.data import Histories, ItemId
from mmrec.models import SequentialModel


@dataclass(frozen=True)
class Explanation:
    """What a score would lack without one of its causes. The parts need not sum to the score.

    Attributes:
        item: the item that is explained.
        score: its retrieval score after the events that were looked at.
        history: past items, the one that carried most first, each with what the score loses if
            its event had not been.
        modalities: for each modality of the item, what the score loses if the item lacked it.
    """

    item: ItemId
    score: float
    history: list[tuple[ItemId, float]]
    modalities: dict[str, float]


@torch.inference_mode()
def explain_history(
    model: SequentialModel, histories: Histories, vectors: Tensor, item: int
) -> tuple[float, Tensor]:
    """Return the score of an item, and what it loses without each event, ``(T,)``.

    Occlusion (Zeiler and Fergus, 2013; arXiv 1311.2901): the history is scored once as it is and
    once without each of its events. The time gaps of the others stay as they were.

    Args:
        model: the model.
        histories: one user's events, ``(1, T)``.
        vectors: the vector of every catalogue index.
        item: catalogue index of the item to explain.
    """
    steps = histories.items.shape[1]
    kept = torch.stack([torch.arange(steps) != left for left in range(steps)])
    shorter = histories.map(lambda part: part.expand(steps, -1)[kept].view(steps, steps - 1))
    states = model.interests(Histories.cat([histories, shorter]), vectors)
    scores: Tensor = model.scorer(states, vectors[item : item + 1])[:, 0].float()
    return float(scores[0]), scores[0] - scores[1:]


@torch.inference_mode()
def explain_modalities(
    model: SequentialModel, state: Tensor, vector: Tensor, contributions: dict[str, Tensor]
) -> dict[str, float]:
    """Return what the score of an item loses without each of its modalities.

    Args:
        model: the model.
        state: the user's interest, ``(1, H)``.
        vector: of the item, ``(D,)``.
        contributions: for each modality, the part of the vector that goes without it, ``(D,)``.
    """
    if not contributions:
        return {}
    without = torch.stack(
        [vector, *(vector - share.to(vector) for share in contributions.values())]
    )
    scores = model.scorer(state, without)[0].float()
    lost = (scores[0] - scores[1:]).tolist()
    return dict(zip(contributions, lost, strict=True))
