import numpy as np
import pytest
import torch

from mmrec.baselines import RecentPopularity
from mmrec.data import Catalog, Interactions, to_sequences

LOG = {
    "user_id": [*"uvuvuv"],
    "item_id": [1, 1, 2, 2, 3, 1],
    "timestamp": [1e9, 1e9 + 10, 1e9 + 20, 1e9 + 20, 1e9 + 30, 1e9 + 40],
}


def events():
    return to_sequences(Interactions(LOG), Catalog({"item_id": [1, 2, 3, 4]}))


@pytest.mark.parametrize("half_life", [10.0, np.inf])
def test_scores_are_decayed_counts_of_earlier_events(half_life):
    at = torch.tensor([1e9, 1e9 + 20, 1e9 + 100], dtype=torch.float64)
    scores = RecentPopularity(half_life).fit(events(), 4).scores_at(at)
    expected = np.zeros((3, 5))
    for row, now in enumerate(at.tolist()):
        for item, time in zip(LOG["item_id"], LOG["timestamp"], strict=True):
            if time < now:
                expected[row, item] += 2 ** (-(now - time) / half_life)
    assert scores.dtype == torch.float32
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_errors():
    with pytest.raises(ValueError, match="RecentPopularity must be fitted first"):
        RecentPopularity(10.0).scores_at(torch.zeros(1))
    with pytest.raises(ValueError, match="half_life must be positive"):
        RecentPopularity(-1.0).fit(events(), 4)
    with pytest.raises(ValueError, match="needs the time of each request"):
        RecentPopularity(1.0).fit(events(), 4).scores_at(torch.tensor([torch.nan]))
