"""Says which part of a model gave the first numbers that are not finite."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmrec.data import Histories
from mmrec.interest import last_interest
from mmrec.models.sequential import SequentialModel


class NotFiniteError(ValueError):
    """A loss, a weight or a score that is NaN or infinite."""


def role_of(slot: str, part: object) -> str:
    """Return what a message calls a part.

    Example:
        >>> from mmrec.scoring import DotScorer
        >>> role_of("scorer", DotScorer())
        'the scorer DotScorer'
    """
    if type(part).__module__.startswith("mmrec.affinities."):  # it stands around the part
        part = getattr(part, slot, part)
    return f"the {slot} {type(part).__name__}"


def check_interest_finite(model: SequentialModel, interest: Float[Tensor, "B H"]) -> None:
    """Raise a :class:`NotFiniteError` that names the interest model unless interests are finite."""
    _check("interest", model.interest, "interests", "request", interest)


def check_queries_finite(model: SequentialModel, queries: Float[Tensor, "B K"]) -> None:
    """Raise a :class:`NotFiniteError` that names the scorer unless queries are finite."""
    _check("scorer", model.scorer, "queries", "interest", queries)


def check_reranked(model: SequentialModel, scores: Float[Tensor, "B K"]) -> None:
    """Raise a :class:`NotFiniteError` that names the reranker unless reranked scores are finite."""
    _check("reranker", model.reranker, "scores", "list", scores)


def check_scores_finite(
    model: SequentialModel,
    scores: Float[Tensor, "B V1"],
    known: Bool[Tensor, " B"],
    histories: Histories,
    vectors: Float[Tensor, "V1 D"],
    *users: Float[Tensor, "U1 _"],
) -> None:
    """Raise a :class:`NotFiniteError` that names a part unless all scores of items are finite.

    Args:
        model: the model that gave the scores.
        scores: of all items; what is in the column of padding does not count.
        known: the rows whose scores are used.
        histories: of the scores, as the model reads them.
        vectors: the vector of every catalogue index.
        users: the vectors of a table of users, if there is one.
    """
    # A sum is cheaper than a test of each score. It is not finite either if it overflows.
    if bool(scores[:, 1:].sum().isfinite()) or bool(scores[known, 1:].isfinite().all()):
        return
    _check("fusion", model.items.fusion, "item vectors", "item", vectors[1:])
    states = model.interests(histories, vectors, *users)
    if not bool(states[known].isfinite().all()):
        _explain_interest(model, states, known, histories, vectors)
    _check("scorer", model.scorer, "scores", "history", scores[known, 1:])


def _explain_interest(
    model: SequentialModel,
    states: Float[Tensor, "B H"],
    known: Bool[Tensor, " B"],
    histories: Histories,
    vectors: Float[Tensor, "V1 D"],
) -> None:
    """Raise a :class:`NotFiniteError` that says what gave interests that are not finite."""
    given = vectors[histories.items], histories.mask, histories.gap, histories.event_type
    with_request = model.request is not None and histories.users is None
    if with_request and bool(last_interest(model.interest, *given)[known].isfinite().all()):
        _check("request", model.request, "interests", "history", states[known])
    unknown = ((histories.gap < 0) & histories.mask).any(1).to(known.device)
    wrong = known & ~states.isfinite().all(1)
    why = ", each of which has an unknown gap (-1)" if bool(unknown[wrong].all()) else ""
    _check("interest", model.interest, "interests", "history", states[known], why)


def _check(
    slot: str, part: nn.Module | object, what: str, row: str, numbers: Tensor, why: str = ""
) -> None:
    wrong = int((~numbers.isfinite().all(1)).sum())
    if wrong:
        rows = {"history": "histories"}.get(row, f"{row}s")
        raise NotFiniteError(
            f"{role_of(slot, part)} must give finite {what}; got NaN or infinity for {wrong} of "
            f"{len(numbers)} {rows}{why}"
        )
