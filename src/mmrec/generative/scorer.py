"""Scores and lists of a generative model for histories."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.data import Histories
from mmrec.generative.item_codes import ItemCodes
from mmrec.generative.model import TIGER
from mmrec.generative.search import score_items

ROWS = 32
"""Histories that are searched at once."""


class GenerativeScorer:
    """A :class:`mmrec.evaluation.HistoryScorer`: scores every catalogue index for histories.

    It works on the device of the model, which it leaves in the mode that it was in.

    Args:
        model: the model.
        codes: of the catalogue; items that were not trained may have been added.
        beam: prefixes that a search keeps; None to score every item exactly, which takes time in
            proportion to the catalogue. Items that a search does not find have the score ``-inf``.

    Raises:
        ValueError: ``beam`` is below 1, or the catalogue has codes that the model does not know.

    Example:
        >>> from mmrec.generative import tiger
        >>> from mmrec.quantization import SemanticIds
        >>> codes = ItemCodes.of(SemanticIds.fit(torch.randn(6, 3), levels=2, size=4))
        >>> scorer = GenerativeScorer(tiger(codes, dim=8, heads=2, layers=1), codes)
        >>> scores = scorer.scores(Histories.of_items([[3, 1], []]))
        >>> scores.shape
        torch.Size([2, 7])
        >>> scorer.top(Histories.of_items([[3, 1]]), k=2).shape
        torch.Size([1, 2])
    """

    def __init__(self, model: TIGER, codes: ItemCodes, *, beam: int | None = None) -> None:
        if beam is not None and beam < 1:
            raise ValueError(f"beam must be 1 or more; got {beam}")
        check_codes(model, codes)
        self.model, self.beam = model, beam
        self.codes = codes.to(model.tokens.weight.device)

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return ``log p(item | history)`` of every catalogue index, ``-inf`` for padding.

        With a beam, seen items that are filtered later take places in it: it should be wider than
        the list and the history together.
        """
        return self._scores(histories, None)

    def top(
        self, histories: Histories, k: int = 10, *, exclude: Bool[Tensor, "B V1"] | None = None
    ) -> Int[Tensor, "B k"]:
        """Return the best items of each history, 0 where there are no more.

        Args:
            histories: the histories.
            k: length of a list.
            exclude: items that are not recommended, such as those seen; they take no place in the
                beam. None recommends all items.
        """
        scores = self._scores(histories, None if exclude is None else ~exclude[:, 1:])
        best = scores.topk(min(k, scores.shape[1]))
        return best.indices.masked_fill(best.values == -torch.inf, 0)

    @torch.no_grad()
    def _scores(
        self, histories: Histories, allowed: Bool[Tensor, "B V"] | None
    ) -> Float[Tensor, "B V1"]:
        items = histories.tail(self.model.max_items).items.to(self.codes.codes.device)
        found = [items.new_zeros(0, len(self.codes)).float()]
        with evaluating(self.model):
            for start in range(0, len(items), ROWS):
                rows = slice(start, start + ROWS)
                memory = self.model.encode(self.codes.codes[items[rows]], items[rows] > 0)
                some = None if allowed is None else allowed[rows].to(items.device)
                found.append(
                    score_items(self.model, self.codes, memory, beam=self.beam, allowed=some)
                )
        return F.pad(torch.cat(found), (1, 0), value=-torch.inf)


def check_codes(model: TIGER, codes: ItemCodes) -> None:
    """Raise a ``ValueError`` unless a model knows all codes of a catalogue."""
    levels = len(model.sizes)
    if codes.codes.shape[1] != levels:
        raise ValueError(f"the model expects items of {levels} codes; got {codes.codes.shape[1]}")
    most = codes.codes.amax(0).tolist()
    if any(code >= size for code, size in zip(most, model.sizes, strict=True)):
        raise ValueError(
            f"the model expects codes below {list(model.sizes)}, level by level; got up to {most}"
        )


@contextmanager
def evaluating(model: TIGER) -> Iterator[None]:
    """Put a model in evaluation mode for a while."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
