"""What an interest model of one's own can't do, or does in two ways, is said before a training."""

import re

import pytest
import torch
from torch import nn

from mmrec.interest import GRUInterest
from mmrec.recommender import Options, Recommender
from mmrec.recommender.pipeline.assemble import Recipe
from mmrec.recommender.pipeline.own_interest import check_own_interest


class Fading(nn.Module):
    """A sum in which older events fade; its last layer starts at 0."""

    def __init__(self, dim):
        super().__init__()
        self.dim = self.interest_dim = dim
        self.out = nn.Linear(dim, dim)
        nn.init.zeros_(self.out.weight)

    def forward(self, vectors, mask, gap=None, event_type=None):
        state, states = torch.zeros_like(vectors[:, 0]), []
        for step in range(vectors.shape[1]):
            state = 0.5 * state + vectors[:, step].masked_fill(~mask[:, step].unsqueeze(-1), 0)
            states.append(self.out(state))
        return torch.stack(states, dim=1)


class Stepping(Fading):
    def initial_state(self, batch_size):
        return self.out.weight.new_zeros(batch_size, self.dim)

    def step(self, state, vectors, gap=None, event_type=None):
        return 0.5 * state + vectors

    def readout(self, state):
        return self.out(state)


class OtherStep(Stepping):
    def step(self, state, vectors, gap=None, event_type=None):
        return 0.9 * state + vectors


class OtherLast(Stepping):
    def last(self, vectors, mask, gap=None, event_type=None):
        return self(vectors, mask)[:, 0]


class Kept(Fading):
    def forward(self, vectors, mask, gap=None, event_type=None):
        self.last = vectors
        return super().forward(vectors, mask)


def checked(interest):
    check_own_interest(Recipe({"interest": interest}), Options(dim=4), ())


@pytest.mark.parametrize("interest", ["gru4rec", "narm", GRUInterest, Stepping, Stepping(4)])
def test_nothing_is_said_of_what_is_right(interest, caplog):
    state = torch.random.get_rng_state()
    checked(interest)
    assert not caplog.text
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_model_without_steps_is_not_served_live(caplog):
    checked(Fading)
    assert "test_own_interest.Fading has no initial_state, step and readout" in caplog.text
    assert "not served live" in caplog.text


@pytest.mark.parametrize(("interest", "way"), [(OtherStep, "step"), (OtherLast, "last")])
def test_another_way_must_give_what_forward_gives(interest, way, caplog):
    given = interest(4)
    before = given.out.bias.clone()
    checked(given)
    [record] = caplog.records
    said = rf"gives (\S+) by {way} where forward gives (\S+), after \d events? of a random history"
    found = re.search(said, record.message)
    assert float(found[1]) != pytest.approx(float(found[2]), rel=1e-3)
    assert torch.equal(given.out.bias, before)


def test_a_name_of_a_method_is_taken():
    message = r"Kept must have a method last, or nothing of that name; got Tensor, an attribute"
    with pytest.raises(ValueError, match=message):
        checked(Kept)


class Broken(Fading):
    def forward(self, vectors, mask, gap=None, event_type=None):
        raise RuntimeError("not here")


def test_errors_are_left_to_the_training():
    checked(Broken)


def test_fit_says_it_once(caplog):
    events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
    options = Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
    made = Recommender.fit(events, {"item_id": [*"abc"]}, options=options, interest=OtherStep)
    assert caplog.text.count("where forward gives") == 1
    caplog.clear()
    made.update(events)
    assert "where forward gives" not in caplog.text
