"""What every interest model of ours does, beside the contract that `mmrec.testing` checks."""

import re

import pytest
import torch

from mmrec.interest import (
    AdditiveAttentionInterest,
    GRUInterest,
    HSTUInterest,
    LiGRInterest,
    LinearRecurrentInterest,
    NARMInterest,
    NRMSInterest,
    SelfAttentionInterest,
)

MODELS = {
    "gru": lambda **options: GRUInterest(8, layers=2, **options),
    "sasrec": lambda **options: SelfAttentionInterest(8, window=6, **options),
    "hstu": lambda **options: HSTUInterest(8, window=6, **options),
    "ligr": lambda **options: LiGRInterest(8, window=6, **options),
    "narm": lambda **options: NARMInterest(8, attended=6, **options),
    "nrms": lambda **options: NRMSInterest(8, window=6, **options),
    "additive": lambda **options: AdditiveAttentionInterest(8, **options),
    "lru": lambda **options: LinearRecurrentInterest(8, **options),
}

ORDERED = [name for name in MODELS if name not in ("nrms", "additive")]
"""Those that read the order of events; the others pool a set of them."""


@pytest.fixture(params=MODELS, name="make")
def _make(request):
    torch.manual_seed(0)
    return MODELS[request.param]


def histories(rows=3, steps=6):
    torch.manual_seed(1)
    lengths = torch.tensor([steps, 2, 0][:rows])
    mask = torch.arange(steps) < lengths[:, None]
    gap = torch.rand(rows, steps) * 1e5
    event_type = torch.randint(0, 3, (rows, steps))
    return torch.randn(rows, steps, 8), mask, gap, event_type


def test_padding_and_users_without_events_have_zeros(make):
    vectors, mask, *_ = histories()
    model = make().eval()
    states = model(vectors, mask)
    assert (states[~mask] == 0).all()
    assert states[mask].any(dim=1).all()
    assert (model.readout(model.initial_state(2)) == 0).all()


def test_types_in_padding_may_be_unknown(make):
    vectors, mask, gap, event_type = histories()
    model = make(num_event_types=2).eval()
    unknown = event_type.masked_fill(~mask, 10**6)
    assert torch.equal(model(vectors, mask, gap, unknown), model(vectors, mask, gap, event_type))


def test_dropout_in_training_alone(make):
    vectors, mask, *_ = histories()
    model = make(dropout=0.5)
    assert not torch.equal(model(vectors, mask), model(vectors, mask))
    assert torch.equal(model.eval()(vectors, mask), model(vectors, mask))


@pytest.mark.parametrize("make", ORDERED, indirect=True)
def test_a_planted_pattern_is_learned_and_noise_is_not(make):
    """The target is the item before the last: something only a memory knows."""

    def last_loss(shuffled):
        torch.manual_seed(2)
        model, items = make(), torch.randn(5, 8)
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
        for _ in range(120):
            history = torch.randint(0, 5, (64, 6))
            target = torch.randint(0, 5, (64,)) if shuffled else history[:, 4]
            states = model(items[history], torch.ones(64, 6, dtype=torch.bool))[:, -1]
            loss = torch.nn.functional.cross_entropy(states @ items.T, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(loss.detach())

    assert last_loss(shuffled=False) < 0.5
    assert last_loss(shuffled=True) > 1.3


def test_wrong_input_is_refused(make):
    vectors, mask, *_ = histories()
    with pytest.raises(ValueError, match=r"\(batch, time, 8\); got \(3, 6, 7\)"):
        make()(vectors[..., :7], mask)
    with pytest.raises(ValueError, match="padding on the right"):
        make()(vectors, mask.flip(1))
    with pytest.raises(ValueError, match="gap in seconds; got None"):
        make(time_gap=True)(vectors, mask)
    with pytest.raises(ValueError, match="expects event_type; got None"):
        make(num_event_types=2)(vectors, mask)


@pytest.mark.usefixtures("unchecked")
def test_wrong_shapes_are_refused(make):
    vectors, mask, gap, event_type = histories()
    model = make(time_gap=True, num_event_types=2).eval()
    for wrong, sentence in (
        ((vectors[0], mask, gap, event_type), "vectors of shape (batch, time, 8); got (6, 8)"),
        (
            (vectors[None], mask, gap, event_type),
            "vectors of shape (batch, time, 8); got (1, 3, 6, 8)",
        ),
        ((vectors, mask[:1], gap, event_type), "mask of shape (3, 6); got (1, 6)"),
        ((vectors, mask.long(), gap, event_type), "mask of type torch.bool; got torch.int64"),
        ((vectors, mask, gap[:1], event_type), "gap of shape (3, 6); got (1, 6)"),
        ((vectors, mask, gap, event_type[:, :1]), "event_type of shape (3, 6); got (3, 1)"),
    ):
        with pytest.raises(ValueError, match=re.escape(sentence)):
            model(*wrong)
        if hasattr(model, "last"):
            with pytest.raises(ValueError, match=re.escape(sentence)):
                model.last(*wrong)


@pytest.mark.usefixtures("unchecked")
def test_a_step_of_wrong_shapes_is_refused(make):
    vectors, _, gap, event_type = (part[:, 0] for part in histories())
    model = make(time_gap=True, num_event_types=2).eval()
    state = model.initial_state(3)
    for wrong, sentence in (
        ((vectors[0], gap, event_type), "vectors of shape (3, 8); got (8,)"),
        ((vectors[:1], gap[:1], event_type[:1]), "vectors of shape (3, 8); got (1, 8)"),
        ((vectors[:, :7], gap, event_type), "vectors of shape (3, 8); got (3, 7)"),
        ((vectors, gap[:1], event_type), "gap of shape (3,); got (1,)"),
        ((vectors, gap, event_type[:1]), "event_type of shape (3,); got (1,)"),
    ):
        with pytest.raises(ValueError, match=re.escape(sentence)):
            model.step(state, *wrong)


def test_no_users_and_no_steps(make):
    model = make().eval()
    assert model(torch.zeros(0, 2, 8), torch.zeros(0, 2, dtype=torch.bool)).shape == (0, 2, 8)
    assert model(torch.zeros(2, 0, 8), torch.zeros(2, 0, dtype=torch.bool)).shape == (2, 0, 8)
    assert model.readout(model.step(model.initial_state(0), torch.zeros(0, 8))).shape == (0, 8)


def test_the_last_interest_is_that_of_forward_in_float64(make):
    vectors, mask, gap, event_type = histories(steps=9)  # more than the window of self-attention
    model = make(time_gap=True, num_event_types=2).double().eval()
    if not hasattr(model, "last"):
        pytest.skip("the last interest costs as much as all of them")
    mask = torch.cat([mask, torch.arange(9)[None] < 7])
    vectors, gap, event_type = (torch.cat([x, x[:1] + 1]) for x in (vectors, gap, event_type))
    given = mask, gap.double(), event_type.clamp(max=2)
    states = model(vectors.double(), *given)
    rows = model.last(vectors.double().masked_fill(~mask.unsqueeze(-1), torch.nan), *given)
    assert mask.sum(1).tolist() == [9, 2, 0, 7]
    assert (rows[2] == 0).all()
    for row, length in enumerate(mask.sum(1).tolist()):
        if length:
            torch.testing.assert_close(rows[row], states[row, length - 1], atol=1e-12, rtol=1e-10)


def test_states_of_float64(make):
    vectors, mask, gap, event_type = histories()
    model = make(time_gap=True, num_event_types=2).double().eval()
    given = vectors.double()
    state = model.initial_state(3, dtype=torch.float64)
    for t in range(2):
        state = model.step(state, given[:, t], gap[:, t].double(), event_type[:, t])
    both = model(given, mask, gap.double(), event_type)[:2, 1]
    torch.testing.assert_close(model.readout(state)[:2], both, atol=1e-12, rtol=1e-10)


def test_the_window_says_what_the_state_holds(make):
    model = make()
    windowed = isinstance(model, SelfAttentionInterest | HSTUInterest | LiGRInterest | NRMSInterest)
    assert model.window == (6 if windowed else None)
