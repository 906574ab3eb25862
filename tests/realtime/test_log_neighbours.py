from dataclasses import replace

import numpy as np
import pytest
import torch

from mmrec import Options, Recommender
from mmrec.affinities import CoOccurrence, Successors
from mmrec.data import Histories, Interactions, to_sequences
from mmrec.realtime import MemoryLog, RealtimeRecommender, import_events

ITEMS = [f"i{n}" for n in range(10)]
LATER = 2e6


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(0)
    count = 600
    return {
        "user_id": [f"u{n % 50}" for n in range(count)],
        "item_id": [ITEMS[n] for n in rng.integers(9, size=count)],
        "timestamp": np.sort(rng.uniform(0, 1e6, count)),
        "event": rng.choice(["view", "view", "hide"], count),
    }


@pytest.fixture(scope="module")
def made(events, add_affinities):
    """A recommender whose score is what the same users took, more than what it has learned."""
    options = Options(modalities=("id",), split="time", dim=4, epochs=1, trend=False)
    plain = Recommender.fit(events, {"item_id": ITEMS}, options=options)
    log = to_sequences(Interactions(events), plain.catalog)
    tables = [
        CoOccurrence.of(log, len(ITEMS)).weighted(20.0),
        Successors.of(log, len(ITEMS)).weighted(20.0),
    ]
    return add_affinities(plain, neighbours=tables, negative=["hide"])


def test_what_users_take_after_an_item_is_high_after_it(made):
    live = RealtimeRecommender(made)
    live.observe("before", "i0", "view", LATER)
    assert live.recommend("before", at=LATER)[0].item != "i9"
    for number in range(30):
        live.observe(f"u{number}", "i0", "view", LATER)
        live.observe(f"u{number}", "i9", "view", LATER + 1)
    live.observe("ann", "i0", "view", LATER + 2)
    assert live.recommend("ann", at=LATER + 3)[0].item == "i9"
    history = {"item_id": ["i0"], "event": ["view"], "timestamp": [LATER + 2]}
    assert live.recommend(history=history, at=LATER + 3) == live.recommend("ann", at=LATER + 3)


def observed(live, count=200):
    """Events of a few users, some of them hides."""
    rng = np.random.default_rng(1)
    for number in range(count):
        item, kind = ITEMS[rng.integers(len(ITEMS))], ["view", "view", "hide"][rng.integers(3)]
        live.observe(f"w{rng.integers(9)}", item, kind, LATER + number)


def test_a_process_that_starts_later_has_the_same_counts(made):
    log = MemoryLog()
    first = RealtimeRecommender(made, log=log)
    lists = []
    for part in range(4):  # read bit by bit, and at once
        observed(first, 50)
        lists.append(first.recommend("w1", at=LATER + 1000 * part))
    other = RealtimeRecommender(made, log=log)
    assert other.recommend("w1", at=LATER + 3000) == lists[-1]
    one, two = first.to_state().neighbours, other.to_state().neighbours
    for a, b in zip(one, two, strict=True):
        assert a.until == b.until
        for name, value in a.tensors().items():
            assert torch.equal(value, b.tensors()[name])


def test_kept_counts_give_the_live_lists(made):
    live = RealtimeRecommender(made)
    observed(live)
    saved = Recommender(live.to_state())
    assert saved.state.neighbours[0].until > LATER
    asked = [{"item_id": ["i3", "i9"], "event": ["view", "view"], "timestamp": [LATER, LATER + 1]}]
    for history in [*asked, ["i1"], ["i9", "i4", "i2"]]:
        expected = live.recommend(history=history, at=LATER + 999)
        found = saved.recommend(history, at=LATER + 999)
        assert [line.item for line in found] == [line.item for line in expected]
        assert [line.score for line in found] == pytest.approx([line.score for line in expected])
    # Its log has the events that are counted in it already; they count once.
    again = RealtimeRecommender(saved, log=live.log)
    for mine, theirs in zip(again.to_state().neighbours, saved.state.neighbours, strict=True):
        assert torch.equal(mine.totals, theirs.totals)
    assert [line.item for line in again.recommend("w1", at=LATER + 999)] == [
        line.item for line in live.recommend("w1", at=LATER + 999)
    ]


def test_an_update_says_what_a_run_that_was_saved_live_may_have_counted(made, caplog):
    live = RealtimeRecommender(made)
    observed(live)
    saved = Recommender(live.to_state())
    assert torch.equal(saved.state.counts, made.state.counts)  # live events train nothing
    night = {
        "user_id": [f"u{n % 50}" for n in range(200)],
        "item_id": [ITEMS[n // 50] for n in range(200)],
        "timestamp": np.concatenate([np.arange(100), LATER + np.arange(100)]),
    }
    for start, is_live in ((made, False), (saved, True)):
        caplog.clear()
        report = start.update(night, options={"epochs": 1}).report
        assert "100 of 200 events of the log are not later than the last event that" in caplog.text
        known = "100 of 200 events of the log are later than what the RUN has trained on, but not"
        assert (known in caplog.text) == is_live
        assert "leak" not in report or "test of affinities" in report["leak"]
        assert ("leak" in report) == is_live


def test_negative_shown_and_trained_events_do_not_count(made, events):
    live = RealtimeRecommender(made)
    import_events(events, live.log, live.catalog)
    for number in range(30):
        live.observe(f"n{number}", "i0", "view", LATER)
        live.observe(f"n{number}", "i9", ["hide", "impression"][number % 2], LATER + 1)
    users, successors = live.to_state().neighbours
    trained, _ = made.state.neighbours
    assert users.totals[1] == trained.totals[1] + 30  # the views of i0, which is the first item
    assert torch.equal(users.totals[2:], trained.totals[2:])
    assert not bool((successors.items[1] == 10).any())


def equal(one, two):
    """Whether affinities have the same counts."""
    return all(
        torch.equal(value, b.tensors()[name])
        for a, b in zip(one, two, strict=True)
        for name, value in a.tensors().items()
    )


def test_repeats_count_once_as_in_training(made):
    def counts(*events, recommender=made):
        """The counts after events of a user, an item and a type; a restart has the same."""
        live = RealtimeRecommender(recommender)
        for user, item, kind in events:
            live.observe(user, item, kind, LATER)
            found = live.to_state().neighbours
        again = RealtimeRecommender(recommender, log=live.log)
        assert equal(again.to_state().neighbours, found)
        return found

    like, other, view = ("ann", "i9", "like"), ("ann", "i8", "like"), ("ann", "i9", "view")
    hide, shown = ("ann", "i9", "hide"), ("ann", "i8", "impression")
    users, successors = counts(like, other)
    assert users.totals[10] == 1
    for events in (
        [*[like] * 60, other],
        [like, shown, like, other],  # what was shown is no event of the user
        [like, other, other],
    ):
        assert equal(counts(*events), (users, successors))
    assert counts(like, ("bob", "i9", "like"))[0].totals[10] == 2
    assert counts(like, other, like)[1].totals[10] > successors.totals[10]
    assert counts(like, view, like, other)[1].totals[10] > successors.totals[10]
    assert counts(like, hide, like, other)[1].totals[10] > successors.totals[10]
    options = made.options.replace(drop_repeats=False)
    keeping = Recommender(replace(made.state, options=options))
    kept = counts(*[like] * 60, other, recommender=keeping)
    assert kept[1].totals[10] > successors.totals[10]


def test_a_log_of_the_training_has_the_counts_of_the_run(made, events):
    """If a user views one item again and again at the end of the training, too."""
    last = {user: n for n, user in enumerate(events["user_id"])}
    row = next(n for n in last.values() if events["event"][n] == "view")
    rows = {name: [*column, *[column[row]] * 5] for name, column in events.items()}
    rows["timestamp"][-5:] = 1e6 + np.arange(5)
    live = RealtimeRecommender(made)
    assert import_events(rows, live.log, live.catalog).new == 605
    assert equal(live.to_state().neighbours, made.state.neighbours)


def test_a_hidden_item_is_passed_over(made):
    live = RealtimeRecommender(made)
    live.observe("ann", "i0", "view", LATER)
    live.observe("ann", "i5", "hide", LATER + 1)
    now, [kind] = live.snapshots.now, [made.state.reader.number_of("hide")]
    session = live.sessions.get("ann")
    assert [item for item, _ in session.recent] == [1, 6]
    assert session.event_type == kind
    found = live.neighbours.terms(now, session.recent)
    alone = live.to_state().neighbours[0].bonus(Histories.of_items([[1]]), len(ITEMS))[0]
    assert found["co-occurrence"] == pytest.approx(alone.numpy(), abs=1e-5)
    assert not found["successors"].any()  # the last event says no


def test_new_items_are_counted(made):
    live = RealtimeRecommender(made)
    live.recommend(history=["i1"], at=LATER)
    live.add_items({"item_id": ["new"]}, features={})
    for number in range(30):
        live.observe(f"u{number}", "i1", "view", LATER)
        live.observe(f"u{number}", "new", "view", LATER)
    assert live.recommend(history=["i1"], at=LATER + 1)[0].item == "new"
    live.remove_items(["new"])
    assert "new" not in [line.item for line in live.recommend(history=["i1"], at=LATER + 1)]
    live.restore_items(["new"])
    saved = Recommender(live.to_state())
    assert saved.recommend(["i1"], at=LATER + 1)[0].item == "new"
    assert RealtimeRecommender(saved).recommend(history=["i1"], at=LATER + 1)[0].item == "new"


def test_events_on_items_of_another_process_are_counted_once_these_are_known(made):
    log = MemoryLog()
    first, second = (RealtimeRecommender(made, log=log) for _ in range(2))
    first.add_items({"item_id": ["new"]}, features={})
    for number in range(30):
        first.observe(f"u{number}", "i1", "view", LATER)
        first.observe(f"u{number}", "new", "view", LATER)
    second.recommend(history=["i1"], at=LATER)
    second.refresh()
    assert second.recommend(history=["i1"], at=LATER)[0].item == "new"
    for a, b in zip(first.to_state().neighbours, second.to_state().neighbours, strict=True):
        assert torch.equal(a.totals, b.totals)


def test_after_a_restart_events_of_forgotten_users_do_not_count(made):
    log = MemoryLog()
    live = RealtimeRecommender(made, log=log)
    observed(live)
    for number in range(20):
        live.observe("ann", ITEMS[number % 10], "view", LATER + 500 + number)
    counted = live.to_state().neighbours[0]
    live.forget("ann")
    assert torch.equal(live.to_state().neighbours[0].totals, counted.totals)
    other = RealtimeRecommender(made, log=log).to_state().neighbours[0]
    assert torch.equal(other.totals[1:], counted.totals[1:] - 1)


def test_a_term_of_weight_0_is_counted_and_changes_no_list(made):
    off = tuple(table.weighted(0.0) for table in made.state.neighbours)
    live = RealtimeRecommender(Recommender(replace(made.state, neighbours=off)))
    on = RealtimeRecommender(made)
    for one in (live, on):
        observed(one)
    without = RealtimeRecommender(Recommender(replace(made.state, neighbours=())), log=live.log)
    assert live.recommend("w1", at=LATER) == without.recommend("w1", at=LATER)
    for a, b in zip(live.to_state().neighbours, on.to_state().neighbours, strict=True):
        assert a.weight == 0
        assert torch.equal(a.counts, b.counts)


def test_items_that_another_process_has_added_are_passed_over(made):
    for affinity in made.state.neighbours:
        counts = affinity.live()
        assert counts.bonus(((40, 0),)).max() == 0
        assert counts.bonus(((40, 0), (1, 0))).max() > 0


def test_a_reader_with_an_older_snapshot_takes_no_event_away(made):
    live = RealtimeRecommender(made)
    before = live.snapshots.now
    live.add_items({"item_id": ["new"]})
    now = live.snapshots.now
    live.neighbours.counted(now)
    live.log.append("ann", "new", event_type="view", time=LATER)
    live.neighbours.counted(before)
    users, _ = live.neighbours.counted(now)
    assert users.totals[-1] == 1
