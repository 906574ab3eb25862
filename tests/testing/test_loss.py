"""The clauses of a loss, on one with one defect each."""

import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmrec.losses import softmax_loss
from mmrec.testing import ContractError, check_loss


def softmax(logits, target, candidates, log_q):
    """A softmax over candidates and the target, for what follows to break."""
    own = torch.zeros_like(logits).bool().scatter(1, target.unsqueeze(1), True)
    left = logits.float().masked_fill(~(candidates | own), -torch.inf)
    return F.cross_entropy(left, target, reduction="sum") / max(len(target), 1)


def each_row(logits, target, candidates, log_q):
    return softmax(logits, target, candidates, log_q).expand(len(target))


def no_rows(logits, target, candidates, log_q):
    return F.cross_entropy(logits, target)


def every_slot(logits, target, candidates, log_q):
    return F.cross_entropy(logits, target, reduction="sum") / max(len(target), 1)


def multiplied(logits, target, candidates, log_q):
    """Multiplies by a mask, which leaves NaN as it is."""
    own = logits.float().gather(1, target.unsqueeze(1))
    return (F.softplus(logits.float() - own) * candidates).sum() / max(len(target), 1)


def without_candidates(logits, target, candidates, log_q):
    own = logits.float().gather(1, target.unsqueeze(1))
    above = (logits.float() - own).masked_fill(~candidates, -torch.inf)
    return (F.softplus(above).sum(1) / candidates.sum()).sum() / max(len(target), 1)


def squared(logits, target, candidates, log_q):
    """A difference of squares is NaN for a score of -inf."""
    left = logits.float().masked_fill(~candidates, 0)
    return softmax(logits, target, candidates, log_q) + ((left - 1) ** 2 - left**2).sum().tanh()


def corrected(logits, target, candidates, log_q):
    return softmax(logits, target, candidates, log_q) + log_q.where(candidates, 0).sum()


def without_negatives(logits, target, candidates, log_q):
    own = logits.float().gather(1, target.unsqueeze(1))
    return F.softplus(-own).sum() / max(len(target), 1)


def rewarding(logits, target, candidates, log_q):
    """Falls where scores of negatives rise."""
    left = logits.float().masked_fill(~candidates, 0).scatter(1, target.unsqueeze(1), 0)
    return without_negatives(logits, target, candidates, log_q) - 0.1 * left.clamp(-5, 5).sum()


def rewarding_the_hardest(logits, target, candidates, log_q):
    """Falls where the highest negative rises, unless all rise."""
    left = (
        logits.float()
        .masked_fill(~candidates, -torch.inf)
        .scatter(1, target.unsqueeze(1), -torch.inf)
    )
    best = left.topk(2).values
    reward = (best[:, 0] - best[:, 1]).nan_to_num(posinf=0, neginf=0)
    return softmax(logits, target, candidates, log_q) - 2 * reward.sum() / max(len(target), 1)


def against_itself(logits, target, candidates, log_q):
    """A target that is a candidate is a negative of its own row."""
    scores = logits.float()
    own = scores.gather(1, target.unsqueeze(1))
    others = scores.masked_fill(~candidates, -torch.inf)
    total = torch.cat([own, others], dim=1).logsumexp(1)
    return (total - own.squeeze(1)).sum() / max(len(target), 1)


def upside_down(logits, target, candidates, log_q):
    return softmax(-logits, target, candidates, log_q)


def first_rows_first(logits, target, candidates, log_q):
    weight = torch.arange(len(target), 0, -1).sqrt().unsqueeze(1)
    return softmax(logits * weight, target, candidates, log_q)


def by_slot(logits, target, candidates, log_q):
    return softmax(logits * torch.linspace(1, 2, logits.shape[1]), target, candidates, log_q)


def overwriting(logits, target, candidates, log_q):
    loss = softmax(logits, target, candidates, log_q)
    log_q.zero_()
    return loss


class Untaught(nn.Module):
    """Its weight gets no gradient."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, logits, target, candidates, log_q):
        return softmax(logits * self.scale.detach(), target, candidates, log_q)


class Rooted(Untaught):
    """Its weight gets an infinite gradient."""

    def forward(self, logits, target, candidates, log_q):
        factor = 1 + (self.scale - self.scale.detach()).abs().sqrt()
        return softmax(logits * factor, target, candidates, log_q)


class Tempered(Untaught):
    """It is right."""

    def forward(self, logits, target, candidates, log_q):
        return softmax(logits.float() / self.scale, target, candidates, log_q)


SCALE = torch.tensor(2.0, requires_grad=True)


def outside(logits, target, candidates, log_q):
    return softmax(logits, target, candidates, log_q) * SCALE


class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value):
        return value.clone()

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


def doubled(logits, target, candidates, log_q):
    return Twice.apply(softmax(logits.double(), target, candidates, log_q))


def half(logits, target, candidates, log_q):
    return softmax(logits, target, candidates, log_q).to(logits.dtype)


def rounded(logits, target, candidates, log_q):
    """Sums in the type of the logits."""
    own = torch.zeros_like(logits).bool().scatter(1, target.unsqueeze(1), True)
    left = logits.masked_fill(~(candidates | own), -torch.inf)
    return F.cross_entropy(left, target, reduction="sum").float() / max(len(target), 1)


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (each_row, "each_row breaks 'scalar': expected one number, a tensor of shape (); got (4,)"),
        (no_rows, "breaks 'scalar': expected finite numbers of 0 rows; got NaN or infinity"),
        (
            every_slot,
            "breaks 'candidates': expected that a slot which is no candidate changes nothing, here "
            "with nan; got NaN or infinity",
        ),
        (multiplied, "breaks 'candidates': expected that a slot which is no candidate changes"),
        (without_candidates, "breaks 'no candidates': expected finite numbers of rows without a"),
        (squared, "breaks 'infinity': expected finite numbers of a candidate with a score of -inf"),
        (corrected, "breaks 'infinity': expected finite numbers of a candidate with a log_q of"),
        (without_negatives, "breaks 'negatives': expected more than"),
        (rewarding, "breaks 'negatives': expected no less than"),
        (rewarding_the_hardest, "breaks 'negatives': expected no less than"),
        (against_itself, "breaks 'own target': expected the same loss of a row whether or not its"),
        (upside_down, "breaks 'target': expected less than"),
        (first_rows_first, "breaks 'rows': expected the same loss in whatever order rows are; got"),
        (by_slot, "breaks 'slots': expected the same loss in whatever order slots are; got a"),
        (Untaught, "breaks 'weights': expected a gradient of the weight 'scale'; got none"),
        (outside, "breaks 'weights': expected weights that are parameters of an nn.Module; got"),
        (Rooted, "breaks 'weights': expected a finite gradient of the weight 'scale'; got NaN or"),
        (overwriting, "breaks 'inputs stay': expected that log_q stays as it was given; got other"),
        (doubled, "breaks 'gradcheck': expected a gradient of the logits of"),
        (half, "breaks 'bfloat16': expected a loss in float32 or wider of logits in bfloat16; got"),
        (rounded, "breaks 'bfloat16': expected that logits in bfloat16 are computed with in"),
    ],
)
def test_a_defect_is_found(loss, sentence):
    with pytest.raises(ContractError, match=re.escape(sentence)):
        check_loss(loss)


class Weighted(nn.Module):
    """A loss that is made."""

    def forward(self, logits, target, candidates, log_q):
        return 2 * softmax_loss(logits, target, candidates, log_q)


def test_what_is_right_passes_as_a_function_a_class_an_object_and_a_name():
    assert check_loss(Tempered) == check_loss(softmax)
    assert (
        check_loss(softmax) == check_loss(Weighted) == check_loss(Weighted()) == check_loss("bpr")
    )


def focal(logits, target, candidates, log_q):
    """Weighs each row by what is lacking, without a gradient of the weight."""
    each = torch.stack(
        [
            softmax_loss(logits[row : row + 1], target[row : row + 1], candidates, log_q)
            for row in range(len(target))
        ]
        or [logits.sum()]
    )
    return ((1 - (-each).exp()).detach() * each).sum() / max(len(target), 1)


def test_a_clause_that_is_broken_on_purpose_is_skipped():
    with pytest.raises(ContractError, match="focal breaks 'gradcheck'"):
        check_loss(focal)
    found = check_loss(focal, skip=("gradcheck",))
    assert found == [name for name in check_loss(softmax_loss) if name != "gradcheck"]
    with pytest.raises(ValueError, match=r"such as \('gradcheck',\); got 'gradcheck'"):
        check_loss(focal, skip="gradcheck")
