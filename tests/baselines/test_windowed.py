import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.baselines import WindowedPopularity
from mmrec.data import Catalog, Interactions, to_sequences

EVENTS = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 40)), min_size=1, max_size=20)


def fitted(events, window):
    log = Interactions(
        {
            "user_id": ["u"] * len(events),
            "item_id": [item for item, _ in events],
            "timestamp": [1e9 + time for _, time in events],
        }
    )
    catalog = Catalog({"item_id": [1, 2, 3, 4]})
    return WindowedPopularity(window).fit(to_sequences(log, catalog), 4)


@settings(deadline=None)
@given(EVENTS, st.sampled_from([5.0, 20.0, np.inf]))
def test_events_in_the_window_are_counted_then_all_before(events, window):
    at = [0, 17, 60]
    times = torch.tensor(at, dtype=torch.float64) + 1e9
    scores = fitted(events, window).scores_at(times)
    assert scores.dtype == torch.float32
    for now, row in zip(at, scores.tolist(), strict=True):
        total = sum(time < now for _, time in events)
        for item in range(5):
            own = [time for found, time in events if found == item and time < now]
            within = sum(time >= now - window for time in own)
            assert row[item] == pytest.approx(within + len(own) / (total + 1), rel=1e-5)


def test_errors():
    with pytest.raises(ValueError, match="window must be positive; got -1"):
        WindowedPopularity(-1.0)
    with pytest.raises(ValueError, match="WindowedPopularity must be fitted first"):
        WindowedPopularity(1.0).scores_at(torch.zeros(1))
    with pytest.raises(ValueError, match="needs the time of each request"):
        fitted([(1, 1)], 1.0).scores_at(torch.tensor([torch.nan]))
