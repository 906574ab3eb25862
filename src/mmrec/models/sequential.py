"""The model: items, interest and scorer, wired together."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmrec.data import Batch, Histories
from mmrec.interest import Interest, RequestTime, last_interest
from mmrec.losses import AuxiliaryLoss, Output
from mmrec.models.checks import (
    check_history_alone,
    check_interest,
    check_reranker,
    check_scorer,
    check_users,
)
from mmrec.models.columns import score_columns
from mmrec.models.items import ItemEncoder
from mmrec.scoring import Reranker, RetrievalScorer


class SequentialModel(nn.Module):
    """A sequential recommender over a pool of items.

    Each item of a pool is encoded once; histories and candidates index the result.

    Args:
        items: encodes a pool into ``(P, D)``.
        interest: maps ``(B, T, D)`` to ``(B, T, H)``.
        scorer: the retrieval scorer, an inner product: ``(N, H), (P, D)`` → ``(N, P)``.
        reranker: optional; scores the short list that the retrieval scorer finds:
            ``(N, H), (N, K, D)`` → ``(N, K)``, added to the retrieval scores.
        request: optional; changes the interest by the time since the last event.
        shortlist: number of candidates that the reranker scores, K.
        users: optional; encodes the features of users into ``(P, D)``. The vector of a user is the
            first step of the interest, before the first event.

    Raises:
        ValueError: the parts do not fit together. Scorer and reranker are called once with zeros to
            find out.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> from mmrec.fusion import ConcatFusion
        >>> from mmrec.interest import GRUInterest
        >>> from mmrec.scoring import DotScorer
        >>> items = ItemEncoder({"id": IdEncoder(100, 16)}, ConcatFusion({"id": 16}, 16))
        >>> model = SequentialModel(items, GRUInterest(16), DotScorer())
        >>> history = Histories.of_items([[3, 1, 2]])
        >>> model.scores(history, torch.randn(101, 16)).shape
        torch.Size([1, 101])
    """

    def __init__(
        self,
        items: ItemEncoder,
        interest: Interest,
        scorer: RetrievalScorer,
        reranker: Reranker | None = None,
        request: RequestTime | None = None,
        *,
        shortlist: int = 100,
        users: ItemEncoder | None = None,
    ) -> None:
        super().__init__()
        check_interest(items, interest)
        check_history_alone(interest)
        check_users(users, interest)
        check_scorer(scorer, interest.interest_dim, items.dim)
        check_reranker(reranker, interest.interest_dim, items.dim)
        self.items, self.interest, self.scorer, self.reranker = items, interest, scorer, reranker
        self.request, self.shortlist, self.users = request, shortlist, users

    def forward(self, batch: Batch) -> Output:
        """Return scores of the batch's pool at every position that has a target.

        See ``mmrec.models.columns.score_columns`` for which of its slots are scored.
        """
        features, present = self.items.features(batch.pool)
        vectors = self.items.fuse(features, present)
        # The gradient of these two look-ups takes a fifth of the time that indexing would.
        events = F.embedding(batch.history, vectors)
        if self.users is not None and batch.users is not None:
            starts, led = self.users(batch.users)[1:], batch.users.items[1:, None] > 0
            first = torch.where(led, starts.to(events.dtype), events[:, 0])
            events = torch.cat([first.unsqueeze(1), events[:, 1:]], dim=1)
        states = self.interest(events, batch.mask, batch.gap, batch.event_type)
        valid = batch.target.flatten().nonzero().squeeze(1)
        rows = states.flatten(0, 1).index_select(0, valid)
        rows = self.at_request(rows, batch.since.flatten()[valid])
        target = batch.target.flatten()[valid]
        columns = score_columns(self.scorer, batch, rows, target, vectors)
        return Output(*columns, target, rows, vectors, features, present)

    @property
    def auxiliary_parts(self) -> list[AuxiliaryLoss]:
        """The parts with an auxiliary loss of positive weight."""
        parts: list[object] = [*self.items.encoders.values(), self.items.fusion]
        parts += [self.interest, self.scorer]  # a reranker trains no other part
        return [
            part for part in parts if isinstance(part, AuxiliaryLoss) and part.auxiliary_weight > 0
        ]

    def auxiliary_loss(self, output: Output) -> Float[Tensor, ""] | None:
        """Return the weighted sum of the parts' auxiliary losses, or None if no part has one."""
        parts = self.auxiliary_parts
        losses = [part.auxiliary_weight * part.auxiliary_loss(output) for part in parts]
        return torch.stack(losses).sum() if losses else None

    def at_request(
        self, interest: Float[Tensor, "N H"], since: Float[Tensor, " N"]
    ) -> Float[Tensor, "N H"]:
        """Return interests at a request, ``since`` seconds after the last event; < 0 = unknown."""
        return interest if self.request is None else self.request(interest, since)

    def interests(
        self,
        histories: Histories,
        vectors: Float[Tensor, "V1 D"],
        users: Float[Tensor, "U1 _"] | None = None,
    ) -> Float[Tensor, "B H"]:
        """Return the interest at the request after each history.

        It is that after the last event, zeros where there is none, unless the model reads the time
        that has passed since (``request``), or starts from the features of a user.

        Args:
            histories: the histories.
            vectors: the vector of every catalogue index.
            users: the vector of every row of a table of users, to which ``histories.users`` refers;
                row 0 is for no user.
        """
        given = vectors[histories.items], histories.mask, histories.gap, histories.event_type
        if users is not None and histories.users is not None:
            given = _led(*given, users[histories.users.to(users.device)], histories.users > 0)
        states = last_interest(self.interest, *given)
        return self.at_request(states, histories.since.to(states.device))

    def scores(
        self,
        histories: Histories,
        vectors: Float[Tensor, "V1 D"],
        users: Float[Tensor, "U1 _"] | None = None,
    ) -> Float[Tensor, "B V1"]:
        """Return the retrieval score of every item vector for each history."""
        return self.scorer(self.interests(histories, vectors, users), vectors).float()

    def rerank(
        self,
        scores: Float[Tensor, "B V1"],
        states: Float[Tensor, "B H"],
        vectors: Float[Tensor, "V1 D"],
    ) -> Float[Tensor, "B V1"]:
        """Return scores that rank the short list first, ordered with the reranker's scores added.

        Without a reranker, ``scores`` is returned. Items with a score of ``-inf`` are excluded from
        recommendation and keep it.
        """
        if self.reranker is None:
            return scores
        # Padding is never on a short list. The padded copy leaves the caller's scores unchanged.
        scores = F.pad(scores[:, 1:], (1, 0), value=-torch.inf)
        best, top = scores.topk(min(self.shortlist, scores.shape[1] - 1))
        out = best == -torch.inf
        ranked = best.masked_fill(out, 0) + self.reranker(states, vectors[top]).float()
        # Shift the short list so that its lowest score is above the highest of the rest.
        floor = scores.amax(1, keepdim=True) + 1 - ranked.amin(1, keepdim=True)
        return scores.scatter(1, top, torch.where(out, best, ranked + floor))


def _led(
    events: Float[Tensor, "B T D"],
    mask: Bool[Tensor, "B T"],
    gap: Float[Tensor, "B T"],
    event_type: Int[Tensor, "B T"],
    users: Float[Tensor, "B _"],
    known: Bool[Tensor, " B"],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return histories that start with the vectors of users, where they are known.

    The step of a user has an unknown gap and type. Padding stays on the right. Affinities stand
    beside the vectors of items, and are zero in those of users.
    """
    users = F.pad(users, (0, events.shape[2] - users.shape[1]))
    known = known.to(events.device).unsqueeze(1)
    longer = (
        (events, users.to(events).unsqueeze(1)),
        (mask, torch.ones_like(known)),
        (gap, gap.new_full((len(gap), 1), -1)),
        (event_type, event_type.new_zeros(len(gap), 1)),
    )
    with_step = [torch.cat([step, part], dim=1) for part, step in longer]
    without = [torch.cat([part, torch.zeros_like(step)], dim=1) for part, step in longer]
    made = [
        torch.where(known.unsqueeze(2) if a.ndim == 3 else known, a, b)
        for a, b in zip(with_step, without, strict=True)
    ]
    return made[0], made[1], made[2], made[3]


def check_products(model: SequentialModel) -> None:
    """Raise a ``ValueError`` unless a model's scores are the products of its scorer.

    An index of item vectors, and an exported scorer, know nothing else.
    """
    changed = [
        name
        for name in ("scores", "interests", "at_request", "rerank")
        if getattr(type(model), name) is not getattr(SequentialModel, name)
    ]
    if changed:
        raise ValueError(
            f"a model that is served or exported must have the scores of its scorer; "
            f"{type(model).__name__} has its own {' and '.join(changed)}, which would be ignored"
        )
