import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data import Role
from mmrec.data.event_labels import label_events

EVENTS = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 3), st.integers(1, 4), st.sampled_from([0, 1, 2, 3])
    ),
    max_size=25,
)


def by_hand(owner, time, item, role):
    """The target of each labeled negative, by loops over the rows."""
    found = set()
    for row in range(len(role)):
        if role[row] not in (Role.NEGATIVE, Role.SHOWN):
            continue
        targets = [r for r in range(len(role)) if role[r] == Role.TARGET and owner[r] == owner[row]]
        before = [r for r in targets if r < row]
        if role[row] == Role.SHOWN and before and time[before[-1]] == time[row]:
            target = before[-1]
        else:
            later = [r for r in targets if r > row]
            if not later:
                continue
            target = later[0]
        if item[target] != item[row]:
            found.add((target, row))
    return found


@given(EVENTS)
def test_labels_are_those_of_loops(events):
    events = sorted(events, key=lambda event: event[:2])
    owner, time, item, role = (np.array([e[n] for e in events], dtype=np.int64) for n in range(4))
    weight = (role == Role.TARGET).astype(float)
    labels, history = label_events(owner, time.astype(float), item, role, weight)
    expected = by_hand(owner, time, item, role)
    place = np.cumsum(history) - 1
    pairs = sorted((int(place[target]), int(item[row])) for target, row in expected)
    assert sorted(zip(labels.below.tolist(), labels.negative.tolist(), strict=True)) == pairs
    assert (np.diff(labels.below) >= 0).all()
    assert history.tolist() == (role != Role.SHOWN).tolist()


@given(EVENTS, st.data())
def test_kept_events_keep_their_labels(events, data):
    events = sorted(events, key=lambda event: event[:2])
    owner, time, item, role = (np.array([e[n] for e in events], dtype=np.int64) for n in range(4))
    labels, history = label_events(owner, time.astype(float), item, role, (role == 1) * 1.0)
    count = int(history.sum())
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)), dtype=bool)
    kept = labels.keep(mask)
    whole = labels.negatives_of(np.arange(count), 30)[mask]
    assert np.array_equal(kept.negatives_of(np.arange(int(mask.sum())), 30), whole)
    assert kept.role.tolist() == labels.role[mask].tolist()
