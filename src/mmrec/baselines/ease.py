"""EASE: a linear autoencoder of histories in closed form."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.baselines.decayed import check_decay, decayed
from mmrec.baselines.fitted import require_fitted
from mmrec.baselines.pairs import Pairs
from mmrec.data import Histories, Sequences

MAX_SIDE = 20_000
"""Side of the largest matrix that is inverted: 1.6 GB, three times."""

EXACT_SIDE = 2000
"""Up to this side a matrix is inverted in float64, beyond it in float32."""


class EASE:
    """Scores an item by the weighted sum over the items of the history, with learned weights.

    The weights ``B`` minimize ``|X - XB|² + l2 |B|²`` with a diagonal of zeros, where ``X`` has a
    row for each user and a column for each item. With ``P = (X'X + l2 I)^-1`` they are
    ``B_ij = -P_ij / P_jj``. Where there are fewer users than items, the same weights come from the
    inverse of ``XX' + l2 I``, which is smaller. The last item of a history has the weight 1, and
    each earlier one ``decay`` times that of the next. Items without events have the score 0.

    Args:
        l2: strength of the regularization.
        decay: weight of an item relative to the one after it.

    Raises:
        ValueError: ``l2`` is not positive, or ``decay`` is not above 0 and at most 1.

    References:
        Steck, "Embarrassingly shallow autoencoders for sparse data" (2019), arXiv 1905.03375.

    Example:
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> log = Interactions(
        ...     {"user_id": [*"uuvvw"], "item_id": [*"ababc"], "position": range(5)}
        ... )
        >>> events = to_sequences(log, Catalog({"item_id": [*"abc"]}))
        >>> EASE(l2=1.0).fit(events, 3).scores(Histories.of_items([[1]]))
        tensor([[0.0000, 0.0000, 0.6667, 0.0000]])
    """

    def __init__(self, *, l2: float = 100.0, decay: float = 0.9) -> None:
        if l2 <= 0:
            raise ValueError(f"l2 must be positive; got {l2}")
        check_decay(decay)
        self.l2, self.decay = l2, decay
        self.hat: HatMatrix | None = None

    @staticmethod
    def side(events: Sequences) -> int:
        """Return the side of the matrix to invert: the fewer of users and items with events."""
        return min(len(np.unique(events.item)), len(np.unique(events.owner)))

    def fit(self, events: Sequences, catalog_size: int) -> "EASE":
        """Compute the weights of the items in ``events``.

        Raises:
            ValueError: there are more than 20,000 users and as many items with events.
        """
        if (side := self.side(events)) > MAX_SIDE:
            raise ValueError(
                f"EASE inverts a matrix of the users or the items with events, of at most "
                f"{MAX_SIDE:,}; got {side:,}"
            )
        self.hat = HatMatrix(Pairs.of_events(events, catalog_size), self.l2)
        return self

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index for each history.

        Raises:
            ValueError: ``fit`` was not called.
        """
        hat = require_fitted(self, self.hat)
        query = torch.zeros(len(histories), hat.size)
        query.scatter_add_(1, histories.items, decayed(histories, self.decay))
        own = hat.diagonal
        return (hat.applied(query) - query * own) / (1 - own)


class HatMatrix:
    """``H = X'X (X'X + l2 I)^-1``, from which EASE's scores are ``(qH - q diag H) / (1 - diag H)``.

    Since ``H = I - l2 P``, this is ``qB``. With fewer users than items it is kept as a product of
    ``X``, which is sparse, and the inverse of ``XX' + l2 I``.

    Args:
        pairs: of items and users.
        l2: strength of the regularization.

    Attributes:
        size: V + 1.
        diagonal: of ``H``, ``(V + 1,)``.
    """

    def __init__(self, pairs: Pairs, l2: float) -> None:
        self.size = pairs.rows
        self.items = torch.from_numpy(np.unique(pairs.row))
        self.by_users = len(np.unique(pairs.column)) < len(self.items)
        users, column = np.unique(pairs.column, return_inverse=True)
        own = np.searchsorted(self.items.numpy(), pairs.row)
        small = Pairs.of(own, column, len(self.items), max(len(users), 1))
        inverse = _inverse(small.flipped if self.by_users else small, l2)
        if self.by_users:
            self.visits = torch.sparse_coo_tensor(
                torch.from_numpy(np.stack([small.row, small.column])),
                torch.ones(len(small.row)),
                (small.rows, small.columns),
                check_invariants=False,
            ).coalesce()
            own_diagonal, self.matrix = _quadratic(small, inverse), inverse.float()
        else:
            side = torch.arange(len(inverse))
            inverse.mul_(-l2)[side, side] += 1
            own_diagonal, self.matrix = inverse.diagonal().clone(), inverse.float()
        self.diagonal = torch.zeros(self.size)
        self.diagonal[self.items] = own_diagonal.float()

    def applied(self, query: Float[Tensor, "B V1"]) -> Float[Tensor, "B V1"]:
        """Return ``qH``."""
        inner = query[:, self.items]
        if self.by_users:
            inner = (self.visits @ (self.matrix @ (self.visits.T @ inner.T))).T
        else:
            inner = inner @ self.matrix
        result = torch.zeros_like(query)
        result[:, self.items] = inner
        return result


def _inverse(pairs: Pairs, l2: float) -> Float[Tensor, "R R"]:
    """Return the inverse of the rows' table of shared columns, with ``l2`` on the diagonal."""
    dtype = torch.float64 if pairs.rows <= EXACT_SIDE else torch.float32
    gram = torch.empty(pairs.rows, pairs.rows, dtype=dtype)
    for rows, counts in pairs.shared():
        gram[torch.from_numpy(rows)] = torch.from_numpy(counts).to(dtype)
    gram.diagonal().add_(l2)
    return torch.cholesky_inverse(torch.linalg.cholesky(gram))


def _quadratic(pairs: Pairs, inverse: Float[Tensor, "C C"]) -> Float[Tensor, " R"]:
    """Return ``x' K x`` for the row ``x`` of zeros and ones of each row of the pairs."""
    found = torch.zeros(pairs.rows, dtype=inverse.dtype)
    for row in range(pairs.rows):
        own = torch.from_numpy(pairs.column[pairs.offsets[row] : pairs.offsets[row + 1]])
        found[row] = inverse[own[:, None], own].sum()
    return found
