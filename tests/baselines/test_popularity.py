from collections import Counter

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.baselines import Popularity
from mmrec.data import Catalog, Histories, Interactions, to_sequences

V = 6


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, V), min_size=1, max_size=30))
def test_scores_are_counts_for_everyone(items):
    log = Interactions(
        {"user_id": [0] * len(items), "item_id": items, "position": range(len(items))}
    )
    events = to_sequences(log, Catalog({"item_id": range(1, V + 1)}))
    scores = Popularity().fit(events, V).scores(Histories.of_items([[1, 2], [], [3]]))
    counts = Counter(items)
    assert scores.shape == (3, V + 1)
    assert scores.tolist() == [[float(counts[item]) for item in range(V + 1)]] * 3
    assert scores.dtype == torch.float32


def test_kept_events_count():
    log = Interactions({"user_id": [0] * 3, "item_id": [1, 1, 2], "position": [0, 1, 2]})
    events = to_sequences(log, Catalog({"item_id": [1, 2]})).keep(np.array([True, False, True]))
    assert Popularity().fit(events, 2).scores(Histories.of_items([[1]])).tolist() == [[0, 1, 1]]
