import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.affinities import SteppingAffinityInterest
from mmrec.data import EventReader, EventRules, Histories, PastEvent
from mmrec.interest import (
    AdditiveAttentionInterest,
    GRUInterest,
    LinearRecurrentInterest,
    MeanInterest,
    NARMInterest,
    SelfAttentionInterest,
)
from mmrec.realtime.log.events import Event
from mmrec.realtime.state_updater import StateUpdater

VECTORS = torch.randn(9, 8, generator=torch.Generator().manual_seed(0))
INTERESTS = {
    "gru": lambda: GRUInterest(8, layers=2, time_gap=True, num_event_types=2),
    "lru": lambda: LinearRecurrentInterest(8, time_gap=True, num_event_types=2),
    "narm": lambda: NARMInterest(8, attended=4, time_gap=True, num_event_types=2),
    "additive": lambda: AdditiveAttentionInterest(8, time_gap=True, num_event_types=2),
    "mean": lambda: MeanInterest(8, decay=0.7, time_gap=True, num_event_types=2),
    "sasrec": lambda: SelfAttentionInterest(8, window=4, time_gap=True, num_event_types=2),
}


def events(items, times=None, event_types=None):
    times = [10.0 * n for n in range(len(items))] if times is None else times
    event_types = ["view"] * len(items) if event_types is None else event_types
    rows = zip(items, event_types, times, strict=True)
    return [
        Event(n, "u", item, event_type, time) for n, (item, event_type, time) in enumerate(rows, 1)
    ]


def find(item):
    return item if 0 < item < len(VECTORS) else 0


@pytest.fixture(params=INTERESTS)
def interest(request):
    torch.manual_seed(1)
    return INTERESTS[request.param]().eval()


def make(interest, **rules):
    return StateUpdater(interest, "v", EventReader(EventRules(**rules), ("cart", "view")))


def test_equals_the_model_over_the_whole_history(interest):
    updater = make(interest)
    history = events(
        [1, 5, 2, 8, 3, 1], [0.0, 5.0, 5.0, 90.0, 1000.0, 2000.0], ["view", "cart", "x"] * 2
    )
    session = updater(updater.start(), history, VECTORS, find)
    rows = Histories.without_request(
        torch.tensor([[1, 5, 2, 8, 3, 1]]),
        torch.tensor([[0.0, 5.0, 0.0, 85.0, 910.0, 1000.0]]),
        torch.tensor([[2, 1, 0, 2, 1, 0]]),
    )
    with torch.inference_mode():
        states = interest(VECTORS[rows.items], rows.mask, rows.gap, rows.event_type)
    assert torch.allclose(updater.interest_of(session), states[:, -1], atol=1e-5)
    assert (session.offset, session.item, session.time, session.events) == (6, 1, 2000, 6)


def test_histories_and_steps_agree(interest):
    updater = make(interest)
    past = events([1, 1, 99, 5, 2], [0.0, 3.0, 4.0, 90.0, 50.0], ["view", "x", "x", "cart", "x"])
    rows = updater.histories([past, []], find, at=[93.0, None])
    assert rows.since.tolist() == [3.0, -1.0]
    assert rows.items.tolist() == [[1, 1, 5, 2], [0, 0, 0, 0]]  # another type is no repeat
    assert rows.gap[0].tolist() == [0, 3, 87, 0]
    assert rows.event_type[0].tolist() == [2, 0, 1, 0]
    with torch.inference_mode():
        states = interest(VECTORS[rows.items], rows.mask, rows.gap, rows.event_type)
    session = updater(updater.start(), past, VECTORS, find)
    assert torch.allclose(updater.interest_of(session), states[:1, 3], atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(
    items=st.lists(st.integers(1, 8), min_size=1, max_size=9),
    cut=st.integers(0, 9),
    name=st.sampled_from(sorted(INTERESTS)),
)
def test_an_interruption_changes_nothing(items, cut, name):
    torch.manual_seed(2)
    updater = make(INTERESTS[name]().eval())
    history = events(items)
    whole = updater(updater.start(), history, VECTORS, find)
    part = updater(updater.start(), history[:cut], VECTORS, find)
    rest = updater(part, history[cut:], VECTORS, find)
    for a, b in zip(whole.state, rest.state, strict=True):
        assert torch.equal(a, b)
    assert whole.offset == rest.offset


def test_an_unknown_item_is_passed_over(interest):
    updater = make(interest)
    session = updater(updater.start(), events([1, 99, 2]), VECTORS, find)
    without = updater(updater.start(), [events([1, 99, 2])[n] for n in (0, 2)], VECTORS, find)
    assert session.offset == without.offset == 3
    assert torch.equal(session.state[0], without.state[0])
    only = updater(updater.start(), events([99]), VECTORS, find)
    assert (only.offset, only.events) == (1, 0)


def test_repeats_count_once_where_they_did_in_training(interest):
    twice = events([1, 1, 1, 2], event_types=["view", "view", "cart", "view"])
    once = [twice[0], *twice[2:]]
    dropping, keeping = make(interest), make(interest, drop_repeats=False)
    a = dropping(dropping.start(), twice, VECTORS, find)
    b = dropping(dropping.start(), once, VECTORS, find)
    c = keeping(keeping.start(), twice, VECTORS, find)
    assert torch.equal(a.state[0], b.state[0])
    assert (a.events, c.events) == (3, 4)


def test_a_negative_event_of_an_unlearned_type_is_no_interest(interest):
    updater = make(interest)
    hidden = updater(updater.start(), events([1, 2], event_types=["view", "hide"]), VECTORS, find)
    viewed = updater(updater.start(), events([1]), VECTORS, find)
    assert torch.equal(hidden.state[0], viewed.state[0])
    assert (hidden.offset, hidden.events) == (2, 1)


def test_a_late_event_counts_as_simultaneous(interest):
    updater = make(interest)
    late = updater(updater.start(), events([1, 2, 3], [100.0, 50.0, 110.0]), VECTORS, find)
    same = updater(updater.start(), events([1, 2, 3], [100.0, 100.0, 110.0]), VECTORS, find)
    assert torch.equal(late.state[0], same.state[0])
    assert late.time == 110


def test_an_interest_that_takes_no_steps_is_refused():
    class Mean(torch.nn.Module):
        def readout(self, state):
            return state

    with pytest.raises(ValueError, match=r"readout; Mean lacks initial_state and step$"):
        make(Mean())


@pytest.mark.parametrize(
    "state",
    [{"last": torch.zeros(1, 8)}, (torch.zeros(1, 8), torch.zeros(1)), PastEvent(1, "view", 5.0)],
)
@pytest.mark.parametrize("affine", [False, True])
def test_a_state_that_a_session_cannot_hold_is_refused(state, affine):
    class Odd(GRUInterest):
        def initial_state(self, batch_size, **_):
            return state

    interest = SteppingAffinityInterest(Odd(8), [2]) if affine else Odd(8)
    said = f"a tensor or a named tuple of tensors; that of Odd is a {type(state).__name__}$"
    with pytest.raises(ValueError, match=said):
        make(interest)
