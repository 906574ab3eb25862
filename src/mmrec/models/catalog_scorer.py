"""Scores of a trained model over one catalogue."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Num
from torch import Tensor, nn

from mmrec.cpu import fast_products
from mmrec.data import Histories
from mmrec.models.finite import check_reranked, check_scores_finite
from mmrec.models.sequential import SequentialModel


@runtime_checkable
class ItemTrend(Protocol):
    """What is popular at a time; see :mod:`mmrec.trends`."""

    @property
    def active(self) -> bool:
        """Whether the bonus changes any score."""
        ...

    def bonus(self, at: Float[Tensor, " B"]) -> Float[Tensor, "B V1"]:
        """Return what to add to the score of every catalogue index at each time."""
        ...

    def popularity(self, at: float) -> Float[Tensor, " V1"]:
        """Return the share of every catalogue index in what happens at a time."""
        ...


@runtime_checkable
class ItemTerm(Protocol):
    """A term of the score that depends on a history; see :mod:`mmrec.affinities`."""

    def bonus(self, histories: Histories, size: int) -> Float[Tensor, "B V1"]:
        """Return what to add to the score of each of ``size`` items and of padding."""
        ...


class CatalogScorer:
    """A model together with the vectors of a catalogue.

    For a user without history, or with events that say no alone, items are scored by popularity,
    unless features of the user are known.

    With a trend, the score of an item has a bonus for what is popular at the time of the request,
    and for its age; and popularity is that of this time.

    Args:
        model: the model.
        vectors: the vector of every catalogue index, ``(V + 1, D)``.
        popularity: the scores for an empty history, ``(V + 1,)``.
        max_length: number of last events of a history that are read; by default the window of the
            interest model, or all if it has none.
        trend: the bonus of items at the time of a request, see :class:`mmrec.trends.Trend`.
        users: the vectors of a table of users, ``(U + 1, D)``; None without features of users.
        terms: further terms of the score, see :class:`mmrec.affinities.Counted`.
        negative_types: event types that say no, by their numbers.
    """

    def __init__(
        self,
        model: SequentialModel,
        vectors: Float[Tensor, "V1 D"],
        popularity: Num[Tensor, " V1"],
        *,
        max_length: int | None = None,
        trend: ItemTrend | None = None,
        users: Float[Tensor, "U1 _"] | None = None,
        terms: Sequence[ItemTerm] = (),
        negative_types: Sequence[int] = (),
    ) -> None:
        window = getattr(model.interest, "window", None)
        self.model, self.vectors = model, vectors
        self.max_length = window if max_length is None else max_length
        self.popularity = popularity.to(vectors)
        self.trend, self.users, self.terms = trend, users, tuple(terms)
        self.negative_types = tuple(negative_types)

    @torch.no_grad()
    @fast_products()
    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the retrieval score of every catalogue index.

        Raises:
            NotFiniteError: a score is NaN or infinite; the message names the part.
        """
        asked, histories = histories, self._prepared(histories)
        with evaluating(self.model):
            scores = self.model.scores(histories, self.vectors, *self._users)
            known = self.knows(asked).to(scores.device)
            check_scores_finite(self.model, scores, known, histories, self.vectors, *self._users)
        for term in self.terms:
            scores = scores + term.bonus(asked, scores.shape[1] - 1).to(scores)
        if self.trend is not None and self.trend.active:
            scores = scores + self.trend.bonus(histories.at.cpu()).to(scores)
        # Few rows, if any, are empty: `where` over all scores would cost as much as ranking them.
        for row in (~known).nonzero().flatten().tolist():
            scores[row] = self.popular(float(histories.at[row])).to(scores.dtype)
        return scores

    def with_users(self, users: Float[Tensor, "U1 _"] | None) -> "CatalogScorer":
        """Return a scorer with other vectors of users."""
        made = copy(self)
        made.users = users
        return made

    def knows(self, histories: Histories) -> Bool[Tensor, " B"]:
        """Return whether there is an interest: for features of the user, or an event but a no."""
        known = histories.have_others(self.negative_types)
        if self.users is None or histories.users is None:
            return known
        return known | (histories.users > 0).to(known.device)

    def popular(self, at: float = math.nan) -> Float[Tensor, " V1"]:
        """Return the popularity of every catalogue index at a time; NaN for an unknown time.

        With a trend it is the share of recent events, as a multiple of the mean share.
        """
        if self.trend is None:
            return self.popularity
        return (self.trend.popularity(at) * (len(self.vectors) - 1)).to(self.vectors)

    @property
    def reranks(self) -> bool:
        """Whether the model has a reranker, so that :meth:`rerank` changes the order."""
        return self.model.reranker is not None

    @torch.no_grad()
    @fast_products()
    def rerank(
        self,
        scores: Float[Tensor, "B V1"],
        histories: Histories,
        exclude: Bool[Tensor, "B V1"],
    ) -> Float[Tensor, "B V1"]:
        """Return scores with excluded items at ``-inf`` and the short list of the rest reranked.

        Excluded items are removed first, so that they take no place on the short list. Without a
        reranker, or without an interest, the order of ``scores`` is kept.

        Raises:
            NotFiniteError: the reranker gives NaN or infinity.
        """
        scores = scores.masked_fill(exclude, -torch.inf)
        if self.model.reranker is None:
            return scores
        known, histories = self.knows(histories), self._prepared(histories)
        with evaluating(self.model):
            states = self.model.interests(histories, self.vectors, *self._users)
            ranked = self.model.rerank(scores, states, self.vectors)
        known = known.to(scores.device)
        best = ranked[known].amax(1, keepdim=True)  # -inf where no item may be on the list
        check_reranked(self.model, best.masked_fill(best == -torch.inf, 0))
        return torch.where(known.unsqueeze(1), ranked, scores)

    @property
    def _users(self) -> tuple[Tensor, ...]:
        # A model of one's own need not know of users.
        return () if self.users is None else (self.users,)

    def _prepared(self, histories: Histories) -> Histories:
        if self.max_length is not None:
            histories = histories.tail(self.max_length)
        return histories.to(self.vectors.device)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model in evaluation mode for a while."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
