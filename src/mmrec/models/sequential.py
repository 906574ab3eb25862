"""Items, interest and scorer, wired into a recommender."""

from numbers import Integral
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmrec.data import Batch, Histories
from mmrec.models.items import ItemEncoder
from mmrec.scoring import DotScorer, MLPScorer


class Interest(Protocol):
    """Turns the vectors of a history into the user's interest after each event."""

    dim: int
    hidden: int

    def __call__(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None,
        event_type: Int[Tensor, "B T"] | None,
    ) -> Float[Tensor, "B T H"]:
        """Return the interest after each event."""
        ...


@runtime_checkable
class LastInterest(Protocol):
    """An interest that can tell what comes after the last event for less than ``forward`` costs."""

    def last(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None,
        event_type: Int[Tensor, "B T"] | None,
    ) -> Float[Tensor, "B H"]:
        """Return what ``forward`` gives after the last event, zeros where there is none."""
        ...


@runtime_checkable
class SteppingInterest(Protocol):
    """An interest that takes one event at a time, as a live recommender needs it.

    Folding ``step`` over a history and reading the state out gives what ``forward`` gives. A state
    is a tensor or a named tuple of tensors.
    """

    def initial_state(self, batch_size: int) -> Any:
        """Return the state of users without events."""
        ...

    def step(
        self,
        state: Any,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"] | None,
        event_type: Int[Tensor, " B"] | None,
    ) -> Any:
        """Return the state after one more event of each user."""
        ...

    def readout(self, state: Any) -> Float[Tensor, "B H"]:
        """Return the interest that a state stands for."""
        ...


class Output(NamedTuple):
    """What a training step needs of one batch; N is the number of targets.

    Attributes:
        logits: score of every pool slot at every target position, ``(N, P)``.
        target: pool slot of each target, ``(N,)``.
        states: the interest before each target, ``(N, H)``.
        vectors: the vector of every slot, ``(P, D)``.
        features: the features of every slot, by modality, ``(P, D_m)``.
        present: which slots have the modality, ``(P,)``.
    """

    logits: Float[Tensor, "N P"]
    target: Int[Tensor, " N"]
    states: Float[Tensor, "N H"]
    vectors: Float[Tensor, "P D"]
    features: dict[str, Tensor]
    present: dict[str, Tensor]


class SequentialModel(nn.Module):
    """Each item of a pool is encoded once; histories and candidates point into the result.

    Args:
        items: encodes a pool into ``(P, D)``.
        interest: turns ``(B, T, D)`` into ``(B, T, H)``.
        scorer: the retrieval scorer, a product: ``(N, H), (P, D)`` → ``(N, P)``.
        reranker: an optional ranking scorer for the short list that the retrieval scorer finds:
            ``(N, H), (N, K, D)`` → ``(N, K)``, added to the retrieval scores.
        shortlist: how many candidates the reranker sees, K.

    Raises:
        ValueError: the parts are made for different widths.

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
        interest: nn.Module,
        scorer: nn.Module,
        reranker: nn.Module | None = None,
        *,
        shortlist: int = 100,
    ) -> None:
        super().__init__()
        _check_widths(items, interest, scorer, reranker)
        self.items, self.interest, self.scorer, self.reranker = items, interest, scorer, reranker
        self.shortlist = shortlist

    def forward(self, batch: Batch) -> Output:
        """Score the batch's pool at every position that has a target."""
        features, present = self.items.features(batch.pool)
        vectors = self.items.fusion(features, present)
        # The gradient of these two look-ups takes a fifth of the time of that of indexing.
        events = F.embedding(batch.history, vectors)
        states = self.interest(events, batch.mask, batch.gap, batch.event_type)
        valid = batch.target.flatten().nonzero().squeeze(1)
        rows = states.flatten(0, 1).index_select(0, valid)
        target = batch.target.flatten()[valid]
        return Output(self.scorer(rows, vectors), target, rows, vectors, features, present)

    def interests(
        self, histories: Histories, vectors: Float[Tensor, "V1 D"]
    ) -> Float[Tensor, "B H"]:
        """Return the interest after the last event of each history; zeros where there is none."""
        given = vectors[histories.items], histories.mask, histories.gap, histories.event_type
        if isinstance(self.interest, LastInterest):
            return self.interest.last(*given)
        states = self.interest(*given)
        last = (histories.lengths - 1).clamp(min=0)
        return cast(Tensor, states[torch.arange(len(last), device=last.device), last])

    def scores(self, histories: Histories, vectors: Float[Tensor, "V1 D"]) -> Float[Tensor, "B V1"]:
        """Score every item vector for each history with the retrieval scorer."""
        scores: Tensor = self.scorer(self.interests(histories, vectors), vectors)
        return scores.float()

    def rerank(
        self,
        scores: Float[Tensor, "B V1"],
        states: Float[Tensor, "B H"],
        vectors: Float[Tensor, "V1 D"],
    ) -> Float[Tensor, "B V1"]:
        """Put the short list first, in the order of ``scores`` plus what the reranker adds.

        Without a reranker nothing changes. Items with a score of ``-inf`` are not to be recommended
        and stay where they are.
        """
        if self.reranker is None:
            return scores
        # Padding is never on a short list; the caller's scores stay as they are.
        scores = F.pad(scores[:, 1:], (1, 0), value=-torch.inf)
        best, top = scores.topk(min(self.shortlist, scores.shape[1] - 1))
        out = best == -torch.inf
        ranked = best.masked_fill(out, 0) + self.reranker(states, vectors[top]).float()
        # Shifted so that the worst of the short list stays above the best of the rest.
        floor = scores.amax(1, keepdim=True) + 1 - ranked.amin(1, keepdim=True)
        return scores.scatter(1, top, torch.where(out, best, ranked + floor))


def _check_widths(
    items: nn.Module, interest: nn.Module, scorer: nn.Module, reranker: nn.Module | None
) -> None:
    """Find parts that don't fit before the first batch does."""
    for part, names in ((items, ["dim"]), (interest, ["dim", "hidden"])):
        lacking = [name for name in names if not isinstance(getattr(part, name, None), Integral)]
        if lacking:
            raise ValueError(
                f"a SequentialModel expects item vectors of a width dim, and an interest with dim "
                f"and its own width hidden; {type(part).__name__} has no {lacking[0]}"
            )
    dim, hidden = cast(int, items.dim), cast(int, interest.hidden)
    if interest.dim != dim:
        raise ValueError(f"interest expects item vectors of {interest.dim}; got {dim}")
    if isinstance(scorer, DotScorer) and hidden != dim:
        raise ValueError(f"DotScorer expects an interest as wide as items, {dim}; got {hidden}")
    if isinstance(reranker, MLPScorer) and (reranker.interest_dim, reranker.dim) != (hidden, dim):
        raise ValueError(
            f"the reranker expects interests and items of {reranker.interest_dim} and "
            f"{reranker.dim}; "
            f"got {hidden} and {dim}"
        )
