import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.baselines import ContentNearest
from mmrec.baselines.content import LACKING, centered
from mmrec.baselines.decayed import with_decay
from mmrec.data import Catalog, Histories, Interactions, to_sequences

V, E = 5, 3
VECTORS = torch.from_numpy(np.random.default_rng(0).normal(size=(V + 1, E))).float()
PRESENT = torch.tensor([False, True, True, False, True, True])


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(1, V), max_size=6), min_size=1, max_size=3),
    st.sampled_from([0.5, 1.0]),
    st.integers(1, 4),
)
def test_scores_are_cosines_with_a_decayed_mean(queries, decay, last):
    scores = ContentNearest(VECTORS, PRESENT, decay=decay, last=last).scores(
        Histories.of_items(queries)
    )
    known = [item for item in range(1, V + 1) if PRESENT[item]]
    mean = np.mean([VECTORS[item].numpy() for item in known], axis=0)
    unit = {i: (v := VECTORS[i].numpy() - mean) / np.linalg.norm(v) for i in known}
    for query, row in zip(queries, scores.tolist(), strict=True):
        interest = np.zeros(E)
        for age, item in enumerate(query[::-1][:last]):
            interest += decay**age * unit.get(item, np.zeros(E))
        length = max(np.linalg.norm(interest), 1e-12)
        for item in range(V + 1):
            expected = unit[item] @ interest / length if item in unit else LACKING
            assert row[item] == pytest.approx(expected, abs=1e-5)


def test_what_absent_items_hold_changes_nothing():
    other = torch.where(PRESENT[:, None], VECTORS, torch.nan)
    query = Histories.of_items([[3, 1, 2]])
    assert torch.equal(
        ContentNearest(other, PRESENT).scores(query), ContentNearest(VECTORS, PRESENT).scores(query)
    )
    assert centered(VECTORS, torch.zeros(V + 1, dtype=torch.bool)).eq(0).all()


def test_another_decay_is_that_of_a_new_one():
    query = Histories.of_items([[4, 1, 2]])
    again = with_decay(ContentNearest(VECTORS, PRESENT), 0.5)
    assert torch.equal(
        again.scores(query), ContentNearest(VECTORS, PRESENT, decay=0.5).scores(query)
    )


def test_errors():
    with pytest.raises(ValueError, match="one row per index; got 6 and 2"):
        ContentNearest(VECTORS, PRESENT[:2])
    with pytest.raises(ValueError, match="last must be 1 or more; got 0"):
        ContentNearest(VECTORS, PRESENT, last=0)
    log = Interactions({"user_id": ["u"], "item_id": [1], "position": [0]})
    events = to_sequences(log, Catalog({"item_id": [1]}))
    with pytest.raises(ValueError, match="vectors must have 2 rows, one an index; got 6"):
        ContentNearest(VECTORS, PRESENT).fit(events, 1)
