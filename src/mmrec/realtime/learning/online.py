"""A trained model that learns from new events."""

import logging
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from mmrec.affinities import learned
from mmrec.data import Histories, Sequences
from mmrec.evaluation import Observed
from mmrec.losses import softmax_loss
from mmrec.models import CatalogScorer, SequentialModel
from mmrec.realtime.learning.candidates import DrawnPool, draw_pool
from mmrec.realtime.learning.examples import Examples, examples_of, joined, windows_of
from mmrec.realtime.learning.monitor import Detector, LossMonitor
from mmrec.realtime.learning.replay import Reservoir
from mmrec.realtime.learning.rows import RowAdagrad
from mmrec.realtime.learning.weights import PARTS as WEIGHTS
from mmrec.realtime.learning.weights import OnlineWeights, under

log = logging.getLogger(__name__)

PARTS = (*WEIGHTS, "items")
CLIP = 1.0
"""The largest norm of a step's gradient."""


class OnlineLearner:
    """Learns from micro-batches of events: a :class:`mmrec.evaluation.Learner`.

    The learner has its own copy of the weights. Encoders and fusion don't learn. Item vectors are a
    table that starts with the outputs of encoders and fusion: a new item starts at its content, and
    its vector changes with its first event. So encoders, texts and images are not needed.

    An update is a few steps. Each step reads the new events and, against forgetting, examples from
    a reservoir of earlier events. Its loss is a softmax over negatives that are drawn by the number
    of events of each item. By default only item vectors learn: on MovieLens
    (``benchmarks/online.py``) an interest model that is trained too gains less. A loss or gradient
    that is not finite changes only the counters. All random draws of update ``n`` come
    from ``(seed, n)``: a learner that was saved and loaded continues bit for bit on a CPU.

    A reranker is kept but doesn't learn, and neither do affinities of content: they are in the
    scores of the loss, and the directions beside the vectors of items stay as they are. An item
    that was new in training stays new until the next one: of its learned score, a share may count.
    Trend and counted affinities are not in the scores of a learner. What it gains shows beside a
    model without them, ``recommender.state.learned_scorer``; a server adds both to either.

    Args:
        model: the model to start from; it is not changed.
        vectors: the vector of every catalogue index, ``(V + 1, D)``.
        popularity: number of events of each item so far, ``(V + 1,)``.
        learn: the parts that learn: some of ``"interest"``, ``"scorer"`` and ``"items"``.
        lr: learning rate of interest and scorer, by Adam.
        item_lr: learning rate of item vectors, by ``RowAdagrad``.
        steps: steps of an update; each draws other negatives and other examples.
        replay: examples in the reservoir.
        replay_batch: examples from the reservoir in a step.
        negatives: items that are drawn for a step.
        half_life: events after which an item's count is halved; None keeps counts.
        window: events of a history in the reservoir.
        max_length: events of a history that count.
        target_types: whether events of each type are learned, by its number; index 0 is for
            unknown types. By default all are.
        detector: finds drifts in the losses, see ``LossMonitor``.
        seed: seed of all random draws.

    Attributes:
        offset: offset of the last learned event; None before the first.
        updates: number of updates.
        skipped: number of updates that were refused because a loss or gradient was not finite.
        monitor: the running mean of the loss, and drifts.

    Raises:
        ValueError: an argument is out of range, or tensors disagree in length.

    References:
        Rolnick et al., "Experience replay for continual learning" (arXiv 1811.11682).

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> from mmrec.models import gru4rec
        >>> model = gru4rec({"id": IdEncoder(5, 8)}, dim=8)
        >>> learner = OnlineLearner(model, torch.randn(6, 8), torch.ones(6), negatives=5)
        >>> one = torch.tensor([1])
        >>> event = Observed(one, one, one, one.double(), Histories.of_items([[4, 2]]))
        >>> learner.update(event, offset=1)
        >>> learner.updates, learner.offset, learner.skipped
        (1, 1, 0)
    """

    def __init__(
        self,
        model: SequentialModel,
        vectors: Float[Tensor, "V1 D"],
        popularity: Num[Tensor, " V1"],
        *,
        learn: Sequence[str] = ("items",),
        lr: float = 1e-4,
        item_lr: float = 0.1,
        steps: int = 3,
        replay: int = 2000,
        replay_batch: int = 16,
        negatives: int = 512,
        half_life: float | None = None,
        window: int = 50,
        max_length: int = 200,
        target_types: Sequence[bool] = (),
        detector: Detector | None = None,
        seed: int = 0,
    ) -> None:
        _check(learn, vectors, popularity, half_life)
        if min(steps, negatives) < 1 or replay_batch < 0:
            raise ValueError(
                "steps and negatives must be 1 or more and replay_batch 0 or more; "
                f"got {steps}, {negatives} and {replay_batch}"
            )
        self.learn = tuple(learn)
        # Encoders never change, so they need no copy.
        self.model = deepcopy(model, {id(model.items): model.items})
        self.weights = OnlineWeights(self.model, learn, lr)
        self.width = learned(model).items.dim
        self.rows = RowAdagrad(vectors.detach().clone(), lr=item_lr)
        self.counts = popularity.detach().to(vectors.device, torch.float64, copy=True)
        self.decay = 1.0 if half_life is None else 0.5 ** (1 / half_life)
        self.reservoir = Reservoir(replay, window=window)
        self.steps, self.replay_batch, self.negatives = steps, replay_batch, negatives
        self.max_length, self.seed = max_length, seed
        self.target_types = torch.tensor(list(target_types), dtype=torch.bool)
        self.monitor = LossMonitor(detector=detector)
        self.updates = self.skipped = 0
        self.offset: int | None = None

    @property
    def vectors(self) -> Float[Tensor, "V1 D"]:
        """The vector of every catalogue index, as it is now."""
        return self.rows.table

    @property
    def healthy(self) -> bool:
        """Whether losses are finite and not far above those at the last publication."""
        return self.monitor.healthy

    @property
    def trouble(self) -> str | None:
        """Why the learner is not healthy, in words; None if it is."""
        return self.monitor.trouble

    @property
    def catalog_scorer(self) -> CatalogScorer:
        """The model over the catalogue as it is now."""
        counts = self.counts.float()
        return CatalogScorer(self.model, self.vectors, counts, max_length=self.max_length)

    def publish(self) -> CatalogScorer:
        """Return a copy of the model for readers; :attr:`healthy` compares losses with it."""
        model = deepcopy(self.model, {id(self.model.items): self.model.items})
        self.monitor.mark()
        counts, vectors = self.counts.float(), self.vectors.clone()
        return CatalogScorer(model, vectors, counts, max_length=self.max_length)

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the retrieval score of every catalogue index, see :class:`CatalogScorer`."""
        return self.catalog_scorer.scores(histories)

    @property
    def reranks(self) -> bool:
        """Whether the model has a reranker."""
        return self.model.reranker is not None

    def rerank(
        self, scores: Float[Tensor, "B V1"], histories: Histories, exclude: Bool[Tensor, "B V1"]
    ) -> Float[Tensor, "B V1"]:
        """Return the final scores, see :class:`CatalogScorer`."""
        return self.catalog_scorer.rerank(scores, histories, exclude)

    def are_learned(self, types: Int[Tensor, "*N"]) -> Bool[Tensor, "*N"]:
        """Return which events are targets, by the numbers of their types."""
        if not len(self.target_types):
            return torch.ones_like(types, dtype=torch.bool)
        return self.target_types.to(types.device)[types]

    def remember(self, events: Sequences) -> None:
        """Add events that the model was trained on to the reservoir.

        The number of a user is the row in ``events.users``.
        """
        self.reservoir.add(windows_of(events, self.reservoir.window), self._rng(1))

    def update(self, events: Observed, *, offset: int | None = None) -> None:
        """Learn from events, once.

        Args:
            events: events in time order; :meth:`forget` takes their users' numbers.
            offset: offset of the last event in a log, from which a restart continues.
        """
        rng = self._rng(0)
        new = examples_of(events)
        # Events with a loss that is not finite must not enter the reservoir.
        if all(self._learn(new, rng, first=step == 0) for step in range(self.steps)):
            counted = self.are_learned(events.event_type)
            self._count(events.item[counted].to(self.counts.device))
            self.reservoir.add(new, rng)
        self.updates += 1
        self.offset = self.offset if offset is None else offset

    def add_items(self, vectors: Float[Tensor, "N D"]) -> None:
        """Add items at the end of the catalogue; they start at the vectors of their content."""
        self.rows.append(vectors)
        self.counts = F.pad(self.counts, (0, len(vectors)))

    def forget(self, user: int) -> int:
        """Remove a user's examples; return how many there were. Weights stay as they are."""
        return self.reservoir.forget(user)

    def state_dict(self) -> dict[str, Any]:
        """Return the state: ``"tensors"`` by name, and ``"values"`` that JSON can hold."""
        tensors = {
            f"{part}.{name}": value.detach().clone()
            for part, state in (
                ("rows", self.rows.state_dict()),
                ("reservoir", self.reservoir.state_dict()),
            )
            for name, value in state.items()
        }
        tensors |= self.weights.state_dict() | {"counts": self.counts.clone()}
        values = {
            "offset": self.offset,
            "updates": self.updates,
            "skipped": self.skipped,
            "learn": list(self.learn),
            "seed": self.seed,
            "monitor": self.monitor.state_dict(),
        }
        return {"tensors": tensors, "values": values}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the :meth:`state_dict` of a learner with the same arguments.

        Raises:
            ValueError: other parts learned, or the reservoir has another size.
        """
        tensors, values = state["tensors"], state["values"]
        if tuple(values["learn"]) != self.learn:
            raise ValueError(f"expected a state of learn={list(self.learn)}; got {values['learn']}")
        self.reservoir.load_state_dict(under("reservoir", tensors))
        self.rows.load_state_dict(under("rows", tensors))
        self.weights.load_state_dict(tensors)
        self.counts = tensors["counts"].to(self.counts, copy=True)
        self.offset, self.updates = values["offset"], values["updates"]
        self.skipped, self.seed = values["skipped"], values["seed"]
        self.monitor.load_state_dict(values["monitor"])

    def _learn(self, new: Examples, rng: np.random.Generator, *, first: bool) -> bool:
        """Do one step; return False if it was skipped. The loss of the first step is a test."""
        new = new.to(self.vectors.device)
        old = self.reservoir.sample(self.replay_batch, rng).to(self.vectors.device)
        if not len(new):
            return True
        examples = joined(new, old)
        pool = draw_pool(examples, self.counts, self.negatives, rng)
        own, beside = self.vectors[pool.items].tensor_split([self.width], dim=1)
        own = own.detach().requires_grad_("items" in self.learn)
        vectors = torch.cat([own, beside], dim=1)
        weights = self.weights.parameters
        learning = [*weights, own] if own.requires_grad else weights
        (test, number), loss = self._losses(examples, len(new), vectors, pool, rng)
        gradients = torch.autograd.grad(loss, learning)
        norm = torch.nn.utils.get_total_norm(gradients)
        if not bool(torch.isfinite(loss.detach() + norm)):
            self.skipped += 1
            self.monitor.refuse()
            log.warning("update %d refused: its loss or gradient is not finite", self.updates)
            return False
        scale = (CLIP / norm.clamp(min=1e-12)).clamp(max=1.0)
        self._apply([gradient * scale for gradient in gradients], pool.items)
        if first and number:
            self.monitor.update(float(test), events=number)
        return True

    def _losses(
        self,
        examples: Examples,
        new: int,
        vectors: Float[Tensor, "P D"],
        pool: DrawnPool,
        rng: np.random.Generator,
    ) -> tuple[tuple[Tensor, int], Tensor]:
        """Return the loss and number of new targets, and the loss of all for the gradient.

        The first ``new`` examples are new, the others come from the reservoir.
        """
        histories, targets = examples.histories, examples.targets
        valid = (targets > 0) & self.are_learned(examples.target_types)
        device = self.vectors.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(int(rng.integers(2**63)))
            self.weights.parts.train()
            states = self.model.interest(
                vectors[torch.searchsorted(pool.items, histories.items)],
                histories.mask,
                histories.gap,
                histories.event_type,
            )
            rows = self.model.at_request(states[valid], examples.since[valid])
            logits = self.model.scorer(rows, vectors)
            self.weights.parts.eval()
        target = torch.searchsorted(pool.items, targets[valid])
        cut = int(valid[:new].sum())
        first = softmax_loss(logits[:cut], target[:cut], pool.candidates, pool.log_q)
        second = softmax_loss(logits[cut:], target[cut:], pool.candidates, pool.log_q)
        return (first.detach(), cut), first + second

    def _apply(self, gradients: list[Tensor], items: Int[Tensor, " P"]) -> None:
        self.weights.step(gradients[: len(self.weights.parameters)])
        if "items" in self.learn:
            moved = gradients[-1].abs().sum(1) > 0
            moved[0] = False  # padding does not change
            self.rows.step(items[moved], gradients[-1][moved])

    def _count(self, items: Int[Tensor, " B"]) -> None:
        ages = torch.arange(len(items) - 1, -1, -1, dtype=torch.float64, device=items.device)
        self.counts *= self.decay ** len(items)
        self.counts.index_add_(0, items, self.decay**ages)

    def _rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.updates, purpose])


def _check(
    learn: Sequence[str], vectors: Tensor, popularity: Tensor, half_life: float | None
) -> None:
    unknown = [name for name in learn if name not in PARTS]
    if unknown or not learn:
        raise ValueError(f"learn must be some of {list(PARTS)}; got {list(learn)}")
    if len(popularity) != len(vectors):
        raise ValueError(
            f"popularity must have one value a vector, {len(vectors)}; got {len(popularity)}"
        )
    if not bool((popularity[1:] > 0).any()):
        raise ValueError("popularity must have a positive count, since negatives are drawn by it")
    if not bool(torch.isfinite(vectors).all()):
        raise ValueError("vectors must be finite; got some that are not")
    if half_life is not None and half_life <= 0:
        raise ValueError(f"half_life must be above 0; got {half_life}")
