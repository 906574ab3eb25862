"""The clauses of an interest that depends on the candidate, on tiny ones with one defect each."""

import pytest
import torch
from torch import nn

from mmrec.interest import DINInterest
from mmrec.testing import ContractError, check_target_aware


class Matching(nn.Module):
    """A sum of events, weighted by their product with the candidate."""

    def __init__(self, dim):
        super().__init__()
        self.dim = self.interest_dim = dim
        self.form = nn.Linear(dim, dim)

    def toward(self, candidates, vectors, mask, gap=None, event_type=None):
        vectors = vectors.masked_fill(~mask.unsqueeze(-1), 0)
        return (self.form(candidates) @ vectors.mT).to(vectors.dtype) @ vectors


class Padded(Matching):
    def toward(self, candidates, vectors, mask, gap=None, event_type=None):
        return super().toward(candidates, vectors, torch.ones_like(mask))


class PaddedInTraining(Padded):
    def toward(self, candidates, *given):
        called = Padded if self.training else Matching
        return called.toward(self, candidates, *given)


class Compared(Matching):
    """An interest relative to that in all candidates."""

    def toward(self, candidates, *given):
        found = super().toward(candidates, *given)
        return found - found.mean(1, keepdim=True)


class Placed(Matching):
    def toward(self, candidates, *given):
        return super().toward(candidates, *given) + torch.arange(candidates.shape[1]).view(1, -1, 1)


class Narrow(Matching):
    def toward(self, candidates, *given):
        return super().toward(candidates, *given)[..., 1:]


def test_what_keeps_the_contract():
    assert {"gradcheck", "padding", "candidates"} <= set(check_target_aware(Matching))
    assert "candidates" in check_target_aware(DINInterest(6, hidden=3))


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Padded, "Padded breaks 'padding': expected an output that does not depend on"),
        (PaddedInTraining, "breaks 'padding in training': expected an output that does not depend"),
        (Compared, "Compared breaks 'candidates': expected an interest that depends on no other"),
        (Placed, "Placed breaks 'candidates': expected interests in the order of the candidates"),
        (Narrow, "Narrow breaks 'shapes'"),
    ],
)
def test_what_breaks_it(part, message):
    with pytest.raises(ContractError, match=message):
        check_target_aware(part)
