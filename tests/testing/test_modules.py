"""The clauses of every module, on a tiny reranker with one defect each."""

import re
from functools import partial

import pytest
import torch
from torch import nn

from mmrec.testing import ContractError, check_reranker


class Products(nn.Module):
    """The product of an interest and a projected candidate."""

    def __init__(self, interest_dim, dim):
        super().__init__()
        self.linear = nn.Linear(dim, interest_dim)

    def forward(self, states, candidates):
        return (states.unsqueeze(1) * self.linear(candidates)).sum(-1)


class Squeezed(Products):
    def forward(self, states, candidates):
        return super().forward(states, candidates).squeeze()


class Whole(Products):
    def forward(self, states, candidates):
        return super().forward(states, candidates).long()


class Infinite(Products):
    def forward(self, states, candidates):
        return super().forward(states, candidates) / 0


class Single(Products):
    """Knows float32 alone."""

    def forward(self, states, candidates):
        weights = torch.linspace(1, 2, states.shape[1]).diag()
        return super().forward(states @ weights, candidates)


class Overwriting(Products):
    def forward(self, states, candidates):
        scores = super().forward(states, candidates)
        states.data.zero_()
        return scores


class Dropping(Products):
    def forward(self, states, candidates):
        return nn.functional.dropout(super().forward(states, candidates), 0.5)


class Centered(Products):
    def forward(self, states, candidates):
        return super().forward(states - states.mean(0), candidates)


class CenteredOnce(Products):
    """Keeps the mean of the users of its first call."""

    mean = None

    def forward(self, states, candidates):
        if self.mean is None and len(states):
            self.mean = states.mean(0).detach()
        return super().forward(states if self.mean is None else states - self.mean, candidates)


class FromTheLast(CenteredOnce):
    """Keeps the last user of its first call."""

    def forward(self, states, candidates):
        if self.mean is None and len(states):
            self.mean = states[-1].detach()
        return super().forward(states, candidates)


class Forgetting(FromTheLast):
    """A copy does not have what the first call has kept."""

    def __deepcopy__(self, memo):
        made = Forgetting(*reversed(self.linear.weight.shape))
        made.linear.load_state_dict(self.linear.state_dict())
        return made.eval()

    def get_extra_state(self):
        return torch.zeros(0) if self.mean is None else self.mean

    def set_extra_state(self, state):
        self.mean = state if len(state) else None


class ByPlace(Products):
    def forward(self, states, candidates):
        return super().forward(states, candidates) + torch.arange(len(states)).unsqueeze(1)


class Idle(Products):
    def __init__(self, interest_dim, dim):
        super().__init__(interest_dim, dim)
        self.idle = nn.Parameter(torch.zeros(1))


class Detached(Products):
    def forward(self, states, candidates):
        return super().forward(states, candidates).detach()


class Rooted(Products):
    """A norm whose gradient at 0 is NaN."""

    def forward(self, states, candidates):
        return super().forward(states, candidates) + (0 * self.linear.bias).square().sum().sqrt()


class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values):
        return values.clone()

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


class Doubled(Products):
    def forward(self, states, candidates):
        return Twice.apply(super().forward(states, candidates))


class DoubledWeight(Products):
    def forward(self, states, candidates):
        weight = Twice.apply(self.linear.weight)
        return (states.unsqueeze(1) * (candidates @ weight.T)).sum(-1) + self.linear.bias.sum()


class Severed(Products):
    """Its weight has a gradient of 0, and can't be trained."""

    def forward(self, states, candidates):
        weight = self.linear.weight.detach() + 0 * self.linear.weight
        return (states.unsqueeze(1) * (candidates @ weight.T + self.linear.bias)).sum(-1)


class WithUnused(Products):
    """Has a weight that changes nothing."""

    def __init__(self, interest_dim, dim):
        super().__init__(interest_dim, dim)
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, states, candidates):
        return super().forward(states, candidates) + 0 * self.unused


class Filled(Products):
    """Mixes types under autocast."""

    def forward(self, states, candidates):
        scores = states.new_zeros(candidates.shape[:2])
        every = torch.ones_like(scores).bool()
        scores[every] = torch.einsum("nh,nkh->nk", states, self.linear(candidates))[every]
        return scores


class Coarse(Products):
    """A small difference of large numbers."""

    def forward(self, states, candidates):
        projected = (self.linear(candidates) + 1000) - 1000
        return (states.unsqueeze(1) * projected).sum(-1)


class Unsaved(Products):
    def __init__(self, interest_dim, dim):
        super().__init__(interest_dim, dim)
        self.scale = torch.rand(1)

    def forward(self, states, candidates):
        return self.scale * super().forward(states, candidates)


class Noted(Products):
    def get_extra_state(self):
        return "a note"

    def set_extra_state(self, state):
        pass


class Bound(Products):
    def __init__(self, interest_dim, dim):
        super().__init__(interest_dim, dim)
        self.project = lambda candidates: self.linear(candidates)

    def forward(self, states, candidates):
        return (states.unsqueeze(1) * self.project(candidates)).sum(-1)


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (lambda dim: len, "len breaks 'attributes': expected an nn.Module; got builtin_function"),
        (
            Squeezed,
            "breaks 'shapes': expected a tensor of shape (1, 4) of 1 users; got shape (4,)",
        ),
        (Whole, "breaks 'shapes': expected floating numbers of 3 users; got torch.int64"),
        (Infinite, "breaks 'shapes': expected finite numbers of 3 users; got NaN or infinity"),
        (
            Overwriting,
            "breaks 'inputs stay': expected that states stays as it was given; got other values",
        ),
        (
            Dropping,
            "breaks 'evaluation': expected the same output each time in evaluation mode; got a",
        ),
        (Centered, "breaks 'rows': expected outputs that do not depend on other users; got a"),
        (CenteredOnce, "breaks 'rows': expected outputs that do not depend on other users; got a"),
        (FromTheLast, "breaks 'state_dict': expected the same output of another part that has"),
        (ByPlace, "breaks 'rows': expected outputs in the order of the users; got a difference"),
        (
            Idle,
            "breaks 'gradients': expected a finite gradient of the weight 'idle'; got none",
        ),
        (
            Rooted,
            "breaks 'gradients': expected a finite gradient of the weight 'linear.bias'; got NaN",
        ),
        (Detached, "breaks 'gradients': expected no error; got RuntimeError: element 0 of tensors"),
        (Doubled, "breaks 'gradcheck': expected a gradient of states of"),
        (DoubledWeight, "breaks 'gradcheck': expected a gradient of the weight 'linear.weight' of"),
        (Severed, "breaks 'gradcheck': expected a gradient of the weight 'linear.weight' of"),
        (Filled, "breaks 'bfloat16': expected no error; got RuntimeError: Index put requires"),
        (Coarse, "breaks 'bfloat16': expected with inputs of torch.float32 under autocast nearly"),
        (Unsaved, "breaks 'state_dict': expected the same output of another part that has loaded"),
        (Noted, "breaks 'state_dict': expected tensors alone in state_dict; got ['_extra_state']"),
        (Forgetting, "breaks 'deepcopy': expected the same output of a copy; got a difference of"),
        (Bound, "breaks 'deepcopy': expected a copy that reads its own weights; got a difference"),
    ],
)
def test_a_defect_is_found(part, sentence):
    with pytest.raises(ContractError, match=re.escape(sentence)):
        check_reranker(part)


def test_what_is_right_passes_as_a_class_a_function_and_an_object():
    given = Products(8, 8)
    before = given.linear.weight.clone()
    drawn = torch.get_rng_state()
    checked = [check_reranker(part) for part in (partial(Products), lambda dim: given, given)]
    assert checked[0] == checked[1] == checked[2]
    assert {"shapes", "gradcheck", "bfloat16", "state_dict", "deepcopy"} < set(checked[0])
    assert "compile" not in checked[0]
    assert torch.equal(given.linear.weight, before)  # what is given built is copied
    assert given.linear.weight.grad is None
    assert given.training
    assert torch.equal(torch.get_rng_state(), drawn)


class Compiled(nn.Module):
    """Stands for what ``torch.compile`` returns."""

    def __init__(self, part, more):
        super().__init__()
        self.part, self.more = part, more

    def forward(self, states, candidates):
        return self.part(states, candidates) + self.more


def test_a_weight_that_changes_nothing_may_have_a_gradient_of_zero():
    assert "gradcheck" in check_reranker(WithUnused)


def test_a_part_need_not_know_float64():
    assert "gradcheck" in check_reranker(Single)


@pytest.mark.parametrize("more", [0, 1])
def test_compile_is_checked_where_it_is_asked_for(monkeypatch, more):
    monkeypatch.setattr(torch, "compile", partial(Compiled, more=more))
    if not more:
        assert "compile" in check_reranker(Products, compile=True)
        return
    sentence = "breaks 'compile': expected the same output of torch.compile; got a difference of 1"
    with pytest.raises(ContractError, match=sentence):
        check_reranker(Products, compile=True)
