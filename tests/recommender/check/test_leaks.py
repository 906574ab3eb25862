import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from mmrec.data import Catalog, Interactions
from mmrec.recommender import Options
from mmrec.recommender.check import leaks

NUMBERS = Options(modalities=("id", "number:sold"))


@pytest.fixture
def sold(data):
    """The data set, in which item n has n events more, and a column that goes with them."""
    rng = np.random.default_rng(0)
    more = [f"i{n}" for n in range(40) for _ in range(n)]
    late = {"user_id": [f"u{n % 60}" for n in range(len(more))], "item_id": rng.permutation(more)}
    late |= {"timestamp": range(1_700_080_000, 1_700_080_000 + len(more)), "event": "view"}
    data.events = pl.concat([data.events, pl.DataFrame(late)], how="vertical_relaxed")
    data.items = data.items.with_columns(sold=pl.int_range(40) * 3 + pl.int_range(40) % 2 * 8)
    return data


def test_a_count_that_a_modality_reads(sold):
    finding = sold.found(options=NUMBERS)["future_columns"]
    assert "the column 'sold' goes with the number of events" in finding.text


def test_a_count_that_nothing_reads(sold):
    assert "future_columns" not in sold.found()


@pytest.mark.parametrize("values", [pl.int_range(40) % 7, pl.lit(3)])
def test_other_numbers(sold, values):
    sold.items = sold.items.with_columns(sold=values)
    assert "future_columns" not in sold.found(options=NUMBERS)


@pytest.mark.parametrize("seed", range(3))
def test_the_correlation_is_that_of_spearman(seed, monkeypatch):
    monkeypatch.setattr(leaks, "HIGH", -1.0)
    rng = np.random.default_rng(seed)
    counts, numbers = rng.integers(1, 5, 30), rng.integers(0, 6, 30)
    items = np.repeat(np.arange(30), counts)
    catalog = Catalog({"item_id": range(30), "x": [None, *numbers[1:].tolist()]})
    log = Interactions({"user_id": items, "item_id": items, "position": items})
    (finding,) = leaks.leak_findings(catalog, log, ["x"])
    expected = spearmanr(numbers[1:], counts[1:]).statistic
    assert f"rank correlation {expected:.2f}" in finding.text
