"""Why an item is on a list: the past items and the modalities that raise its score."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.affinities import AffinityInterest, score_parts
from mmrec.affinities.content import NOVELTY_COLUMNS
from mmrec.data import Histories, ItemId
from mmrec.models import SequentialModel
from mmrec.realtime.snapshot import Snapshot


@dataclass(frozen=True)
class Explanation:
    """The terms of a score, and how much it falls without a past item, or without a modality.

    The terms sum to the score, unless there is a ``rule``. The differences need not, and are those
    of ``u · c`` and of the affinities of content, without the other terms. An item that loses its
    id does not count as new.

    Attributes:
        item: the item that is explained.
        score: its score on a list of the user's.
        history: past items and how much the score falls without their events; the largest first.
        modalities: for each modality of the item, how much the score falls without it.
        terms: ``"learned"`` (``u · c``), and those that the model has of ``"content:text"`` and so
            on, ``"novelty"``, ``"co-occurrence"``, ``"successors"``, ``"ease"``, ``"returns"``,
            ``"popularity"``, ``"unseen"``, ``"trend"`` and ``"reranker"``.
        rule: for a user of whom nothing is known, by which rule items are recommended, see
            ``report["without_history"]``; the score is then the item's popularity, and there are no
            terms. None for the others.
    """

    item: ItemId
    score: float
    history: list[tuple[ItemId, float]]
    modalities: dict[str, float]
    terms: dict[str, float]
    rule: str | None = None


def explain_item(
    now: Snapshot,
    histories: Histories,
    index: int,
    interest: Float[Tensor, "1 H"],
    terms: Mapping[str, float],
) -> Explanation:
    """Return the explanation of an item's score.

    Args:
        now: what is served.
        histories: one user's events, ``(1, T)``.
        index: catalogue index of the item.
        interest: of the user, at the request.
        terms: of the score, beside the product.
    """
    users = () if now.state.users is None else (now.state.users.vectors,)
    _, lost = explain_history(now.model, histories, now.vectors, index, *users)
    shares: dict[ItemId, float] = {}
    ids = now.catalog.ids_of(histories.items[0, : int(histories.lengths[0])].tolist())
    for past, value in zip(ids, lost.tolist(), strict=True):
        shares[past] = shares.get(past, 0.0) + value
    modalities = explain_modalities(
        now.model,
        interest,
        now.vectors[index],
        {name: share[index] for name, share in now.modality_contributions.items()},
    )
    [item] = now.catalog.ids_of([index])
    ordered = sorted(shares.items(), key=lambda pair: -pair[1])
    parts = _products(now.model, interest, now.vectors[index : index + 1]) | dict(terms)
    return Explanation(item, sum(parts.values()), ordered, modalities, parts)


@torch.inference_mode()
def _products(model: SequentialModel, interest: Tensor, vector: Tensor) -> dict[str, float]:
    parts = score_parts(model, interest, vector)
    if model.reranker is not None:
        parts["reranker"] = model.reranker(interest, vector.unsqueeze(0))
    return {name: float(part) for name, part in parts.items()}


@torch.inference_mode()
def explain_history(
    model: SequentialModel,
    histories: Histories,
    vectors: Tensor,
    item: int,
    users: Tensor | None = None,
) -> tuple[float, Tensor]:
    """Return the score of an item, and how much it falls without each event, ``(T,)``.

    Occlusion (Zeiler and Fergus, 2013; arXiv 1311.2901): the history is scored as it is, and again
    without each of its events. The time gaps of the other events stay the same.

    Args:
        model: the model.
        histories: one user's events, ``(1, T)``.
        vectors: the vector of every catalogue index.
        item: catalogue index of the item to explain.
        users: the vectors of a table of users that the histories refer to.
    """
    steps = int(histories.lengths[0])
    histories = histories.map(lambda part: part[:, : max(steps, 1)])
    more = () if users is None else (users,)
    if not steps:  # the user was forgotten just now
        state = model.interests(histories, vectors, *more)
        return float(model.scorer(state, vectors[item : item + 1])), torch.zeros(0)
    kept = ~torch.eye(steps, dtype=torch.bool)
    copies = histories.rows(torch.zeros(steps, dtype=torch.long))
    shorter = copies.map(lambda part: part[kept].view(steps, steps - 1))
    states = model.interests(Histories.cat([histories, shorter]), vectors, *more)
    if steps == 1 and isinstance(model.interest, AffinityInterest) and model.interest.novelty:
        # What every history adds to new items is not due to the one event.
        states[1:, -NOVELTY_COLUMNS] = model.interest.constant
    scores: Tensor = model.scorer(states, vectors[item : item + 1])[:, 0].float()
    return float(scores[0]), scores[0] - scores[1:]


@torch.inference_mode()
def explain_modalities(
    model: SequentialModel, state: Tensor, vector: Tensor, contributions: dict[str, Tensor]
) -> dict[str, float]:
    """Return how much the score of an item falls without each of its modalities.

    Args:
        model: the model.
        state: the user's interest, ``(1, H)``.
        vector: the vector of the item, ``(D,)``.
        contributions: for each modality, how much the vector changes without it, ``(D,)``.
    """
    if not contributions:
        return {}
    without = torch.stack(
        [vector, *(vector - share.to(vector) for share in contributions.values())]
    )
    scores = model.scorer(state, without)[0].float()
    lost = (scores[0] - scores[1:]).tolist()
    return dict(zip(contributions, lost, strict=True))
