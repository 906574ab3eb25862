import numpy as np
import pytest

from mmrec.baselines import click_rates


def test_rates_are_counted_and_shrunk(pages):
    impressions, _ = pages(users=6, pages=4, items=50)
    rates = click_rates(impressions, prior=3.0)
    assert len(rates) == 51
    overall = impressions.clicked.mean()
    for item in range(51):
        here = impressions.item == item
        expected = (impressions.clicked[here].sum() + 3 * overall) / (here.sum() + 3)
        assert float(rates[item]) == pytest.approx(expected)
    assert rates.min() > 0
    assert rates.max() < 1


def test_wrong_input_is_refused(pages):
    impressions, _ = pages(users=3, pages=2)
    with pytest.raises(ValueError, match=r"prior must be positive; got 0\.0"):
        click_rates(impressions, prior=0.0)
    with pytest.raises(ValueError, match="expected impressions; got none"):
        click_rates(impressions.keep(np.zeros(len(impressions), bool)))
