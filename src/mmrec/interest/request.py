"""The time since the last event, as an input of the interest at a request."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.layers import Size, check_shape, record_init_args

KNOTS = (60.0, 600.0, 3600.0, 6 * 3600.0, 86400.0, 3 * 86400.0, 7 * 86400.0, 30 * 86400.0)
"""Seconds at which a scale and a shift are learned; between them both are interpolated."""


@record_init_args
class RequestTime(nn.Module):
    """Changes an interest by the time that has passed since the user's last event.

    ``u' = u · (1 + a(s)) + b(s)``, where ``a`` and ``b`` are piecewise linear in the logarithm of
    the seconds ``s``, and constant below a minute and above a month. Both start at zero. It costs
    the same however long the history is.

    Args:
        interest_dim: width of the interest, H.
        unknown: probability that a row is trained as if the time were unknown.

    Raises:
        ValueError: the width is not positive.

    Example:
        >>> request = RequestTime(4).eval()
        >>> interest = torch.randn(2, 4)
        >>> bool((request(interest, torch.tensor([5.0, -1.0])) == interest).all())
        True
    """

    def __init__(self, interest_dim: int, *, unknown: float = 0.1) -> None:
        super().__init__()
        if interest_dim < 1:
            raise ValueError(f"interest_dim must be 1 or more; got {interest_dim}")
        self.interest_dim, self.unknown = interest_dim, unknown
        self.table = nn.Parameter(torch.zeros(len(KNOTS), 2 * interest_dim))
        self.knots: Tensor
        self.register_buffer("knots", torch.tensor(KNOTS).log(), persistent=False)

    def forward(
        self, interest: Float[Tensor, "N H"], since: Float[Tensor, " N"]
    ) -> Float[Tensor, "N H"]:
        """Return the interest at the request.

        Args:
            interest: after the last event.
            since: seconds since the last event; negative = unknown, which changes nothing.

        Raises:
            ValueError: shapes disagree.
        """
        rows: Size = interest.shape[0]
        check_shape("a request expects interests", interest, (rows, self.interest_dim))
        check_shape("a request expects seconds", since, (rows,))
        known = since >= 0
        if self.training and self.unknown > 0:
            known = known & (torch.rand_like(since) >= self.unknown)
        scale, shift = (self._weights(since) @ self.table).to(interest.dtype).chunk(2, dim=1)
        moved = interest * (1 + scale) + shift
        return torch.where(known.unsqueeze(1), moved, interest)

    def _weights(self, since: Float[Tensor, " N"]) -> Float[Tensor, "N K"]:
        """Return the share of each knot in a time."""
        log = since.clamp(min=1.0).float().log().unsqueeze(1)
        low, high = self.knots[:-1], self.knots[1:]
        passed = ((log - low) / (high - low)).clamp(0, 1)  # the share of each interval, (N, K - 1)
        return F.pad(passed, (1, 0), value=1.0) - F.pad(passed, (0, 1))
