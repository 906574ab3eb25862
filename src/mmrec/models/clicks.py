"""The model of clicks: an interest and a given candidate → the score of the pair."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmrec.data import Histories, ImpressionBatch, ItemPool
from mmrec.interest import Interest, TargetAwareInterest, last_interest
from mmrec.layers import check_shape
from mmrec.losses import AuxiliaryLoss, Output
from mmrec.models.checks import check_interest, check_reranker, check_scorer
from mmrec.models.items import ItemEncoder
from mmrec.scoring import Reranker, RetrievalScorer


class ClickOutput(NamedTuple):
    """The output of a model of clicks for one batch.

    Attributes:
        logits: the score of each candidate, ``(B, N)``; what lies in padding means nothing.
        items: the encoded pool, with no target, for the auxiliary losses of what encodes it.
    """

    logits: Float[Tensor, "B N"]
    items: Output


class ClickModel(nn.Module):
    r"""Scores given candidates: :math:`\hat r = \operatorname{MLP}(u, c)`, or another scorer.

    Each item of a pool is encoded once; histories and candidates index the result. Any interest
    model of :mod:`mmrec.interest` gives the interest after the last event. One that reads the
    candidate too (:class:`mmrec.interest.DINInterest`) gives an interest for each candidate.

    With the sigmoid, scores are probabilities of a click if the model was trained by
    :func:`mmrec.losses.click_loss` on all that was shown.

    Args:
        items: encodes a pool into ``(P, D)``.
        interest: maps ``(B, T, D)`` to ``(B, T, H)``, or with candidates ``(B, N, D)`` to
            ``(B, N, H)``.
        scorer: a reranker, ``(B, H), (B, N, D)`` → ``(B, N)``, such as
            :class:`mmrec.scoring.MLPScorer`, or a retrieval scorer.

    Raises:
        ValueError: the parts do not fit together. The scorer is called once with zeros to find out.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> from mmrec.fusion import ConcatFusion
        >>> from mmrec.interest import GRUInterest
        >>> from mmrec.scoring import MLPScorer
        >>> items = ItemEncoder({"id": IdEncoder(100, 16)}, ConcatFusion({"id": 16}, 16))
        >>> model = ClickModel(items, GRUInterest(16), MLPScorer(16, 16)).eval()
        >>> history, candidates = Histories.of_items([[3, 1, 2]]), torch.tensor([[7, 9, 0]])
        >>> with torch.no_grad():  # at the start nothing is known
        ...     model.score(history, candidates, torch.randn(101, 16))
        tensor([[0., 0., -inf]])
    """

    def __init__(
        self,
        items: ItemEncoder,
        interest: Interest | TargetAwareInterest,
        scorer: Reranker | RetrievalScorer,
    ) -> None:
        super().__init__()
        check_interest(items, interest)
        if isinstance(scorer, RetrievalScorer):
            check_scorer(scorer, interest.interest_dim, items.dim)
        else:
            check_reranker(scorer, interest.interest_dim, items.dim, role="scorer")
        self.items, self.interest, self.scorer = items, interest, scorer

    def forward(self, batch: ImpressionBatch) -> ClickOutput:
        """Return the score of everything that a batch of impressions shows."""
        features, present = self.items.features(batch.pool)
        vectors = self.items.fuse(features, present)
        events, candidates = (F.embedding(at, vectors) for at in (batch.history, batch.candidates))
        logits = self._of_pairs(candidates, events, batch.mask, batch.gap, batch.event_type)
        return ClickOutput(logits, _without_targets(batch.pool, vectors, features, present))

    def score(
        self,
        histories: Histories,
        candidates: Int[Tensor, "B N"],
        vectors: Float[Tensor, "V1 D"],
    ) -> Float[Tensor, "B N"]:
        """Return the score of each history's own candidates, ``-inf`` for padding.

        Args:
            histories: what users did, as catalogue indices.
            candidates: catalogue indices, 0 = padding.
            vectors: the vector of every catalogue index, see :func:`mmrec.models.encode_catalog`.

        Raises:
            ValueError: there are not as many rows of candidates as histories, or an item has no
                vector.
        """
        check_shape("expected candidates", candidates, (len(histories), "candidates"))
        for name, items in (("histories", histories.items), ("candidates", candidates)):
            if items.numel() and not 0 <= int(items.min()) <= int(items.max()) < len(vectors):
                raise ValueError(
                    f"expected {name} from 0 to {len(vectors) - 1}; got from {int(items.min())} to "
                    f"{int(items.max())}"
                )
        histories, candidates = histories.to(vectors.device), candidates.to(vectors.device)
        logits = self._of_pairs(
            vectors[candidates],
            vectors[histories.items],
            histories.mask,
            histories.gap,
            histories.event_type,
        )
        return logits.masked_fill(candidates == 0, -torch.inf)

    @property
    def auxiliary_parts(self) -> list[AuxiliaryLoss]:
        """The parts of the item encoder with an auxiliary loss of positive weight."""
        parts: list[object] = [*self.items.encoders.values(), self.items.fusion]
        return [
            part for part in parts if isinstance(part, AuxiliaryLoss) and part.auxiliary_weight > 0
        ]

    def auxiliary_loss(self, output: ClickOutput) -> Float[Tensor, ""] | None:
        """Return the weighted sum of the parts' auxiliary losses, or None if no part has one."""
        parts = self.auxiliary_parts
        losses = [part.auxiliary_weight * part.auxiliary_loss(output.items) for part in parts]
        return torch.stack(losses).sum() if losses else None

    def _of_pairs(
        self,
        candidates: Float[Tensor, "B N D"],
        events: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"],
        event_type: Int[Tensor, "B T"],
    ) -> Float[Tensor, "B N"]:
        """Return the score of each candidate."""
        if not isinstance(self.interest, TargetAwareInterest):
            states = last_interest(self.interest, events, mask, gap, event_type)
            return self._scores(states, candidates)
        # A row for each pair, since each candidate has an interest of its own.
        aware = self.interest.toward(candidates, events, mask, gap, event_type)
        pairs = self._scores(aware.flatten(0, 1), candidates.flatten(0, 1).unsqueeze(1))
        return pairs.view(candidates.shape[:2])

    def _scores(
        self, states: Float[Tensor, "N H"], candidates: Float[Tensor, "N K D"]
    ) -> Float[Tensor, "N K"]:
        """Return the score of each row's own candidates."""
        if not isinstance(self.scorer, RetrievalScorer):
            return self.scorer(states, candidates)
        keys = self.scorer.index_vectors(candidates.flatten(0, 1))
        queries = self.scorer.index_queries(states).unsqueeze(1)
        products: Tensor = queries * keys.unflatten(0, candidates.shape[:2])
        return products.sum(-1)


def _without_targets(
    pool: ItemPool,
    vectors: Float[Tensor, "P D"],
    features: dict[str, Tensor],
    present: dict[str, Tensor],
) -> Output:
    """Return the output of a pool that is scored for nobody."""
    none = pool.items[:0]
    slots = torch.arange(len(pool), device=pool.items.device)
    return Output(
        logits=vectors.new_zeros(0, len(pool)),
        target=none,
        candidates=pool.candidates,
        log_q=pool.log_q,
        slots=slots,
        items=pool.items,
        positives=none,
        states=vectors[:0],
        vectors=vectors,
        features=features,
        present=present,
    )
